"""Where clients and phones leave sealed files and fetch them; it never sees what is in them."""

import base64
import hashlib
import json
import re
from pathlib import Path

from worker.sandbox.hosts import MEDIA_HOST
from worker.sandbox.http import Request, Response

_UPLOAD = re.compile(r"/mms/[a-z-]+/([A-Za-z0-9_=-]+)")
_HISTORY = re.compile(r"/mms/md-msg-hist/([A-Za-z0-9_=-]+)")
_DOWNLOAD = re.compile(r"/v/([A-Za-z0-9_=-]+)")


class MediaHost:
    """Each file is named by the hash of its sealed bytes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder

    def keep(self, sealed: bytes) -> str:
        """The direct path. Clients append to it with `&`, so it must hold a `?` already."""
        name = _name(sealed)
        (self._folder / name).write_bytes(sealed)
        return f"/v/{name}?ccb=11-4"

    def fetch(self, direct_path: str) -> bytes:
        """LookupError when there is no such file."""
        found = _DOWNLOAD.fullmatch(direct_path.partition("?")[0])
        file = self._folder / found[1] if found else None
        if file is None or not file.is_file():
            raise LookupError(f"no file at {direct_path[:100]}")
        return file.read_bytes()

    def answer(self, request: Request, body: bytes) -> Response:
        upload = _UPLOAD.fullmatch(request.path)
        if request.method == "POST" and upload:
            if upload[1].rstrip("=") != _name(body).rstrip("="):
                return Response("400 Bad Request")
            direct_path = self.keep(body)
            told = {"url": f"https://{MEDIA_HOST}{direct_path}", "direct_path": direct_path}
            return Response("200 OK", json.dumps(told).encode(), {"Content-Type": "application/json"})
        history = _HISTORY.fullmatch(request.path)
        if request.method == "DELETE" and history:
            # A client that has read a part of its history takes it away, and complains when it cannot.
            (self._folder / history[1]).unlink(missing_ok=True)
            return Response("200 OK")
        if request.method == "GET":
            try:
                return Response("200 OK", self.fetch(request.path))
            except LookupError:
                pass
        return Response("404 Not Found")


def _name(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(sealed).digest()).decode()
