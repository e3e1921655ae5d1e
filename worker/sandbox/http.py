"""As much of HTTP as a CONNECT proxy, a WebSocket upgrade and a media host need."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from worker.sandbox.wire.errors import WireError

_LARGEST_BODY = 256 << 20


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Response:
    status: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


async def read_request(reader: asyncio.StreamReader) -> Request:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError as error:
        raise WireError("an HTTP request without end") from error
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    if len(words) != 3:
        raise WireError(f"a request that is not HTTP: {first[:60]!r}")
    pairs = (line.partition(":") for line in lines if line)
    return Request(words[0], words[1], {name.lower(): value.strip() for name, _, value in pairs})


async def read_body(reader: asyncio.StreamReader, request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length) > _LARGEST_BODY:
        raise WireError(f"a body of {length[:20]!r} bytes")
    return await reader.readexactly(int(length))


async def write_response(writer: asyncio.StreamWriter, response: Response) -> None:
    """Every connection carries one exchange; a client that wants another comes again."""
    lines = [
        f"HTTP/1.1 {response.status}",
        f"Content-Length: {len(response.body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + response.body)
    await writer.drain()


async def write_upgrade(writer: asyncio.StreamWriter, headers: Mapping[str, str]) -> None:
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    await writer.drain()
