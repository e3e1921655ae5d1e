"""An object store on loopback that speaks as much of S3 as a store of files needs, in path style."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote
from xml.sax.saxutils import escape

from aiohttp import web

KEPT_HEADERS = ("content-type", "content-disposition")


@dataclass
class Held:
    data: bytes
    headers: dict[str, str]


@dataclass
class Upload:
    key: str
    headers: dict[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


class S3Server:
    """What it holds can be looked at; `meddle` answers in its place where it returns something."""

    def __init__(self, bucket: str, access_key: str) -> None:
        self.bucket = bucket
        self.objects: dict[str, Held] = {}
        self.uploads: dict[str, Upload] = {}
        self.requests: list[tuple[str, str]] = []
        self.largest_body = 0
        self.meddle: Callable[[web.Request], Awaitable[web.StreamResponse | None]] | None = None
        self._access_key = access_key
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=64 * 1024**2)
        application.router.add_route("*", "/{bucket}/{key:.*}", self._answer)
        application.router.add_route("*", "/{bucket}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def count(self, method: str) -> int:
        return sum(1 for found, _ in self.requests if found == method)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs))
        if self.meddle is not None and (answer := await self.meddle(request)) is not None:
            return answer
        signed = re.search(r"AWS4-HMAC-SHA256 Credential=([^/]+)/", request.headers.get("Authorization", ""))
        if signed is None:
            return fault(403, "AccessDenied")
        if signed[1] != self._access_key:
            return fault(403, "InvalidAccessKeyId")
        if request.match_info["bucket"] != self.bucket:
            return fault(404, "NoSuchBucket")
        body = await request.read()
        self.largest_body = max(self.largest_body, len(body))
        key = request.match_info.get("key", "")
        if not key:
            return self._list(request)
        return _METHODS[request.method](self, request, key, body)

    def put(self, request: web.Request, key: str, body: bytes) -> web.Response:
        upload = request.query.get("uploadId")
        source = request.headers.get("x-amz-copy-source")
        if source is not None:
            return self._copy(unquote(source).lstrip("/").removeprefix(f"{self.bucket}/"), key)
        if upload is not None:
            if upload not in self.uploads:
                return fault(404, "NoSuchUpload")
            self.uploads[upload].parts[int(request.query["partNumber"])] = body
        else:
            self.objects[key] = Held(body, _kept(request))
        return web.Response(headers={"ETag": _etag(body)})

    def _copy(self, source: str, key: str) -> web.Response:
        held = self.objects.get(source)
        if held is None:
            return fault(404, "NoSuchKey")
        self.objects[key] = held
        return _xml(f"<CopyObjectResult><ETag>{_etag(held.data)}</ETag></CopyObjectResult>")

    def post(self, request: web.Request, key: str, body: bytes) -> web.Response:
        if "uploads" in request.query:
            number = f"upload-{len(self.requests)}"
            self.uploads[number] = Upload(key, _kept(request))
            return _xml(
                f"<InitiateMultipartUploadResult><UploadId>{number}</UploadId></InitiateMultipartUploadResult>"
            )
        upload = self.uploads.pop(request.query["uploadId"])
        numbers = [int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body)]
        data = b"".join(upload.parts[number] for number in numbers)
        self.objects[key] = Held(data, upload.headers)
        return _xml(
            f"<CompleteMultipartUploadResult><ETag>{_etag(data)}</ETag></CompleteMultipartUploadResult>"
        )

    def get(self, request: web.Request, key: str, _: bytes) -> web.Response:
        held = self.objects.get(key)
        if held is None:
            return fault(404, "NoSuchKey")
        headers = {**held.headers, "ETag": _etag(held.data), "Last-Modified": "Wed, 25 Nov 2026 08:00:00 GMT"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if wanted is None:
            return web.Response(body=held.data, headers=headers)
        start, end = int(wanted[1]), min(int(wanted[2] or len(held.data)) + 1, len(held.data))
        if start >= len(held.data):
            return fault(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(held.data)}"
        return web.Response(status=206, body=held.data[start:end], headers=headers)

    def delete(self, request: web.Request, key: str, _: bytes) -> web.Response:
        if "uploadId" in request.query:
            self.uploads.pop(request.query["uploadId"], None)
        else:
            self.objects.pop(key, None)
        return web.Response(status=204)

    def _list(self, request: web.Request) -> web.Response:
        """Two at a time, so that whoever lists has to go on asking."""
        prefix, behind = request.query.get("prefix", ""), request.query.get("continuation-token", "")
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > behind)
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key].data)}</Size>"
            f"<LastModified>2026-11-25T08:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
            for key in keys[:2]
        )
        more = f"<NextContinuationToken>{escape(keys[1])}</NextContinuationToken>" if keys[2:] else ""
        return _xml(
            f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{contents}{more}</ListBucketResult>"
        )


_METHODS: dict[str, Callable[[S3Server, web.Request, str, bytes], web.Response]] = {
    "PUT": S3Server.put,
    "POST": S3Server.post,
    "GET": S3Server.get,
    "HEAD": S3Server.get,
    "DELETE": S3Server.delete,
}


def fault(status: int, code: str) -> web.Response:
    return _xml(f"<Error><Code>{code}</Code><Message>no</Message></Error>", status)


def _xml(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=f"<?xml version='1.0'?>{text}", content_type="application/xml")


def _kept(request: web.Request) -> dict[str, str]:
    return {
        name: value
        for name, value in request.headers.items()
        if name.lower() in KEPT_HEADERS or name.lower().startswith("x-amz-meta-")
    }


def _etag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


async def stall(_: web.Request) -> web.StreamResponse | None:
    await asyncio.Event().wait()
    return None
