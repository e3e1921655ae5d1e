"""The way in: a CONNECT proxy that leads the network's host names to our own TLS, and nowhere else."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable

from worker.sandbox.hosts import HOSTS
from worker.sandbox.http import Request, Response, read_body, read_request, write_response, write_upgrade
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.websocket import WebSocket, accept_key

log = logging.getLogger(__name__)

_PATIENCE = 20.0
_PATIENCE_FOR_MEDIA = 300.0
_CHAT_PATH = "/ws/chat"

ServeChat = Callable[[WebSocket], Awaitable[None]]
ServeMedia = Callable[[Request, bytes], Response]


class Front:
    """Listens on loopback only: who can reach it can be anybody on the emulated network."""

    def __init__(self, context: ssl.SSLContext, serve_chat: ServeChat, serve_media: ServeMedia) -> None:
        self._context = context
        self._serve_chat = serve_chat
        self._serve_media = serve_media
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def listen(self, port: int) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (the server runs each connection in a task)
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except WireError as error:
            log.warning("sandbox_connection_ended: %s", error)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError) as error:
            log.debug("sandbox_connection_lost: %r", error)
        except asyncio.CancelledError:
            # From close(). Python 3.11 reports a cancelled connection as an error of its own.
            log.debug("sandbox_connection_cancelled")
        except Exception:
            log.exception("sandbox_connection_failed")
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_PATIENCE):
            request = await read_request(reader)
            if request.method != "CONNECT" or request.target.partition(":")[0] not in HOSTS:
                log.warning("sandbox_refused: %s %s", request.method, request.target[:100])
                await write_response(writer, Response("403 Forbidden"))
                return
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            await writer.start_tls(self._context)
            request = await read_request(reader)
        if request.path == _CHAT_PATH and "sec-websocket-key" in request.headers:
            key = accept_key(request.headers["sec-websocket-key"])
            await write_upgrade(writer, {"Sec-WebSocket-Accept": key})
            await self._serve_chat(WebSocket(reader, writer))
        else:
            async with asyncio.timeout(_PATIENCE_FOR_MEDIA):
                body = await read_body(reader, request)
                await write_response(writer, self._serve_media(request, body))
