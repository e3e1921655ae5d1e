"""Servers of customers on addresses of this machine, and a name server that says what a test wants."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from control_plane.egress.answers import Limits
from control_plane.egress.gate import Egress
from control_plane.egress.names import Names
from control_plane.egress.own_servers import Server
from control_plane.settings import Networks

# The one that is let through plays the public internet; its neighbour is as private as it is.
PUBLIC, PRIVATE = "127.0.0.1", "127.0.0.2"
LIMITS = Limits(most_bytes=1_000_000)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Book:
    """Answers in their order, the last one again and again; every question is written down."""

    def __init__(self, **names: list[list[str]]) -> None:
        self._answers = {f"{name}.example.": list(answers) for name, answers in names.items()}
        self.asked: list[str] = []

    def set(self, host: str, *addresses: str) -> None:
        self._answers[host] = [list(addresses)]

    async def addresses(self, host: str) -> list[str]:
        self.asked.append(host)
        answers = self._answers.get(host)
        if not answers:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def close(self) -> None:
        pass


@dataclass(slots=True)
class Site:
    port: int
    requests: list[web.BaseRequest] = field(default_factory=list)
    connections: list[object] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def site(
    handler: Handler, address: str = PUBLIC, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Site]:
    found = Site(port)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        found.requests.append(request)
        found.connections.append(request.transport)
        return await handler(request)  # type: ignore[arg-type]

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    place = web.TCPSite(runner, address, port, ssl_context=tls)
    await place.start()
    found.port = runner.addresses[0][1]
    try:
        yield found
    finally:
        found.released.set()
        await runner.cleanup()


@asynccontextmanager
async def raw_site(*lines: bytes, then_silent: bool = False) -> AsyncIterator[int]:
    """Sends what a server should not."""
    silence = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            for line in lines:
                writer.write(line)
                await writer.drain()
            if then_silent:
                await silence.wait()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, PUBLIC, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        silence.set()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def gate(
    names: Names | None = None,
    *,
    allowed: tuple[str, ...] = (PUBLIC,),
    own: tuple[Server, ...] = (),
    tls: ssl.SSLContext | None = None,
    kept_seconds: float = 0,
    ports: tuple[range, ...] = (range(1, 65536),),
) -> AsyncIterator[Egress]:
    """It remembers nothing unless a test is about that."""
    egress = Egress(
        ports=ports,
        allowed=Networks(allowed),
        own_servers=own,
        names=names or Book(),
        tls=tls,
        kept_seconds=kept_seconds,
    )
    try:
        yield egress
    finally:
        await egress.close()


async def text(_request: web.Request) -> web.Response:
    return web.Response(text="a picture", content_type="image/png")
