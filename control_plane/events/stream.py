"""Events as they happen: an answer that never ends by itself (server-sent events)."""

import asyncio
from contextlib import aclosing
from typing import Any

import msgspec
import structlog
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from control_plane.errors import AppError
from control_plane.events.models import LoggedEvent
from control_plane.events.reader import EventReader, EventSource, StreamRequest, until_one_ends
from control_plane.events.schemas import Envelope

log = structlog.get_logger(__name__)

MEDIA_TYPE = "text/event-stream"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no", "vary": "Accept"}


class EventStream(Response[Any]):
    def __init__(self, source: EventSource, asked: StreamRequest) -> None:
        super().__init__(content=None, media_type=MEDIA_TYPE, headers=_HEADERS)
        self._source = source
        self._asked = asked

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        return _Answer(self._source, self._asked)


class _Answer(ASGIResponse):
    """Subscribes before it begins, so that a refusal is still an answer with a status of its own."""

    _should_set_content_length = False

    def __init__(self, source: EventSource, asked: StreamRequest) -> None:
        super().__init__(media_type=MEDIA_TYPE, headers=_HEADERS, status_code=200)
        self._source = source
        self._asked = asked

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        async with self._source.tail.subscribe(self._asked.tenant, self._asked.wanted) as subscription:
            reader = EventReader(self._source, self._asked, subscription, ServerSent())
            await reader.begin()
            await self.start_response(send)
            stall_seconds = self._source.pulse.stall_seconds
            await until_one_ends(_write(reader, send, stall_seconds), _gone(receive))


class ServerSent:
    """The words of text/event-stream; what is no event is a comment."""

    def opened(self, cursor: str) -> bytes:
        return f": open\nretry: 1000\nid: {cursor}\n\n".encode()

    def event(self, event: LoggedEvent, cursor: str) -> bytes:
        head = f"id: {cursor}\nevent: {event.type}\ndata: ".encode()
        return head + msgspec.json.encode(Envelope.of(event)) + b"\n\n"

    def alive(self) -> bytes:
        return b": alive\n\n"

    def ended(self, error: AppError) -> bytes:
        word = {"reason": error.code.code, "detail": error.detail}
        return b"event: error\ndata: " + msgspec.json.encode(word) + b"\n\n"


async def _write(reader: EventReader, send: Send, stall_seconds: float) -> None:
    try:
        async with aclosing(reader.batches()) as batches:
            async for batch in batches:
                async with asyncio.timeout(stall_seconds):
                    await send({"type": "http.response.body", "body": b"".join(batch), "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except TimeoutError:
        log.info("event_stream_stalled")
    except OSError:
        log.debug("event_stream_left")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
