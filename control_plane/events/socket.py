"""Events as they happen over a WebSocket: one frame of JSON for each."""

import asyncio
import time
from contextlib import aclosing

import msgspec
import structlog
from litestar.types import Receive, Send

from control_plane.errors import AppError, Code
from control_plane.events.models import LoggedEvent
from control_plane.events.reader import EventReader, EventSource, StreamRequest, until_one_ends
from control_plane.events.schemas import EventView
from control_plane.events.subscription import Subscription
from control_plane.http import sockets

log = structlog.get_logger(__name__)

FRAME_LENGTH = 1024
FRAMES_A_MINUTE = 60


async def serve(source: EventSource, asked: StreamRequest, receive: Receive, send: Send) -> None:
    """Subscribes before it accepts, so that a refusal comes instead of the beginning."""
    async with source.tail.subscribe(asked.tenant, asked.wanted) as subscription:
        reader = EventReader(source, asked, subscription, Framed())
        await reader.begin()
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        writing = _write(reader, send, source.pulse.stall_seconds)
        await until_one_ends(writing, _overhear(receive, subscription))
        # Not before: while it waits to receive, the server closes nothing.
        if reader.end is not None:
            await sockets.close(send, reader.end)


class Framed:
    """What is no event of the log has a type that begins with `stream.`."""

    def opened(self, cursor: str) -> bytes:
        return msgspec.json.encode({"type": "stream.open", "cursor": cursor})

    def event(self, event: LoggedEvent, cursor: str) -> bytes:
        return msgspec.json.encode(EventView.at(event, cursor))

    def alive(self) -> bytes:
        return b'{"type":"stream.alive"}'

    def ended(self, error: AppError) -> bytes:
        return sockets.last_frame(error)


async def _write(reader: EventReader, send: Send, stall_seconds: float) -> None:
    try:
        async with aclosing(reader.batches()) as batches:
            async for batch in batches:
                for frame in batch:
                    async with asyncio.timeout(stall_seconds):
                        await send({"type": "websocket.send", "text": frame.decode(), "bytes": None})
    except TimeoutError:
        log.info("event_stream_stalled")
        reader.end = AppError(Code.SLOW_READER, "Nothing was taken for too long.")
    except (OSError, RuntimeError):
        # The server says it by the latter when the other end has gone.
        log.debug("event_stream_left")


async def _overhear(receive: Receive, subscription: Subscription) -> None:
    """Until the other end leaves. There is nothing to say here; keepalives of one's own are let pass."""
    began_at, frames = time.monotonic(), 0
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message["type"] != "websocket.receive":
            continue
        now = time.monotonic()
        if now - began_at > 60:
            began_at, frames = now, 0
        frames += 1
        if len(message.get("text") or message.get("bytes") or "") > FRAME_LENGTH:
            words = f"This socket only tells: nothing longer than {FRAME_LENGTH} characters is taken."
            subscription.end(AppError(Code.BODY_TOO_LARGE, words))
        elif frames > FRAMES_A_MINUTE:
            words = f"This socket only tells: no more than {FRAMES_A_MINUTE} frames a minute are taken."
            subscription.end(AppError(Code.RATE_LIMITED, words))
