"""Carries connections on to somebody else, as a load balancer does or a wire."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

_AT_ONCE = 65536

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Unanswered(Exception):  # noqa: N818 (what happens to a call, and no fault)
    """Whoever calls hears nothing, not even that nobody is there."""


class Relay:
    """`async with`. `reach` opens the other half of a connection, or raises: OSError refuses the caller."""

    def __init__(self, listener: socket.socket, reach: Callable[[], Awaitable[Ends]]) -> None:
        self._listener = listener
        self._reach = reach
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.carried = bytearray()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._took, sock=self._listener)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _took(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            there_reader, there_writer = await self._reach()
            writers.append(there_writer)
            ways = [
                asyncio.create_task(self._pump(reader, there_writer, self.carried)),
                asyncio.create_task(self._pump(there_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except Unanswered:
            await asyncio.Event().wait()
        except OSError:
            pass
        finally:
            for each in writers:
                each.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, copy: bytearray | None = None
    ) -> None:
        while chunk := await reader.read(_AT_ONCE):
            if copy is not None:
                copy += chunk
            writer.write(chunk)
            await writer.drain()


def listener() -> socket.socket:
    """On any free port of this machine."""
    return socket.create_server(("127.0.0.1", 0))


def to_one_of(*ports: int) -> Callable[[], Awaitable[Ends]]:
    """The first that answers, as a balancer with a preference."""

    async def reach() -> Ends:
        for port in ports[:-1]:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
        return await asyncio.open_connection("127.0.0.1", ports[-1])

    return reach
