"""How a WebSocket is told that it is refused or over: by a last frame with words, and a code of its close."""

import asyncio
from contextlib import suppress

import msgspec
from litestar.types import Receive, Send

from control_plane.errors import AppError

# The range of codes that applications may use begins here: 4401 is what 401 is to a request.
_OWN_CODES = 4000
# A reader that takes nothing does not take its end either.
_PATIENCE = 2.0


def close_code(error: AppError) -> int:
    return _OWN_CODES + error.code.status


def last_frame(error: AppError) -> bytes:
    word = {"type": "stream.error", "reason": error.code.code, "detail": error.detail}
    return msgspec.json.encode(word)


async def refuse(receive: Receive, send: Send, error: AppError) -> None:
    """The server knows no answer but a bare 403 before the upgrade, and browsers would show none at all."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    await send({"type": "websocket.send", "text": last_frame(error).decode(), "bytes": None})
    await close(send, error)


async def close(send: Send, error: AppError) -> None:
    with suppress(TimeoutError, OSError, RuntimeError):
        async with asyncio.timeout(_PATIENCE):
            await send({"type": "websocket.close", "code": close_code(error), "reason": error.code.code})
