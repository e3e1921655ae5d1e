"""Events as they happen: an answer that never ends by itself (server-sent events)."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from control_plane.db.engine import Database
from control_plane.errors import AppError
from control_plane.events.models import LoggedEvent
from control_plane.events.places import Place, Places
from control_plane.events.repository import Stretch, TenantEvents, to_its_end
from control_plane.events.schemas import Envelope, Wanted, place_of
from control_plane.events.subscription import StreamEndedError, Subscription
from control_plane.events.tail import Tail
from control_plane.http.authentication import Authenticator, authorize
from control_plane.http.principal import Access
from shared.ids import UserId

log = structlog.get_logger(__name__)

MEDIA_TYPE = "text/event-stream"
_HISTORY_AT_ONCE = 200
_CHUNK_BYTES = 64 * 1024
# A connection that takes nothing for so long has no reader at its other end.
_STALL_SECONDS = 10.0
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no", "vary": "Accept"}


@dataclass(frozen=True, slots=True)
class Pulse:
    """How often an idle stream says that it lives, and how often its credential is looked at again."""

    comment_seconds: float = 15.0
    credential_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class EventSource:
    """What all streams of a replica share."""

    database: Database
    places: Places
    tail: Tail
    authenticator: Authenticator
    pulse: Pulse = Pulse()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """`after` is None for now."""

    tenant: UserId
    credential: str
    rule: Access
    wanted: Wanted
    after: Place | None


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
            reader = EventReader(self._source, self._asked, subscription)
            await reader.begin()
            await self.start_response(send)
            writing = asyncio.create_task(_write(reader, send))
            leaving = asyncio.create_task(_gone(receive))
            try:
                await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                writing.cancel()
                leaving.cancel()
                await asyncio.gather(writing, leaving, return_exceptions=True)


async def _write(reader: "EventReader", send: Send) -> None:
    try:
        async with aclosing(reader.chunks()) as chunks:
            async for chunk in chunks:
                async with asyncio.timeout(_STALL_SECONDS):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except TimeoutError:
        log.info("event_stream_stalled")
    except OSError:
        log.debug("event_stream_left")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventReader:
    def __init__(self, source: EventSource, asked: StreamRequest, subscription: Subscription) -> None:
        self._source = source
        self._asked = asked
        self._subscription = subscription
        self._place = Place(0, 0)
        self._checked_at = time.monotonic()

    async def begin(self) -> None:
        after = self._asked.after
        if after is not None:
            self._place = after
            return
        async with self._source.database.tenant(self._asked.tenant) as session:
            self._place = await TenantEvents(session).now()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            # With a place at once, so that a stream that is cut before its first event leaves no gap.
            yield f": open\nretry: 1000\nid: {self._cursor(self._place)}\n\n".encode()
            async with aclosing(self._history()) as history:
                async for chunk in history:
                    yield chunk
            async with aclosing(self._live()) as live:
                async for chunk in live:
                    yield chunk
        except StreamEndedError as end:
            yield _last_word(end.reason, end.detail)
        except AppError as error:
            yield _last_word(error.code.code, error.detail)
        except Exception as error:
            log.warning("event_stream_failed", error=type(error).__name__)
            yield _last_word(
                "unavailable", "The events cannot be read at this moment. Connect again with Last-Event-ID."
            )

    async def _history(self) -> AsyncGenerator[bytes, None]:
        behind = True
        while behind:
            self._subscription.rewind()
            more = True
            while more:
                await self._check()
                stretch = await to_its_end(self._read())
                for chunk in self._frames(stretch.events):
                    yield chunk
                self._place, more = stretch.end, stretch.more
            behind = self._subscription.overflowed
        self._subscription.go_live()

    async def _read(self) -> Stretch:
        async with self._source.database.tenant(self._asked.tenant) as session:
            return await TenantEvents(session).after(self._place, _HISTORY_AT_ONCE, self._asked.wanted)

    async def _live(self) -> AsyncGenerator[bytes, None]:
        pulse = self._source.pulse
        patience = min(pulse.credential_seconds, pulse.comment_seconds)
        spoke_at = time.monotonic()
        while True:
            events = await self._subscription.take(patience)
            await self._check()
            fresh = [event for event in events if place_of(event) > self._place]
            if fresh:
                self._place = place_of(fresh[-1])
                for chunk in self._frames(fresh):
                    yield chunk
            elif time.monotonic() - spoke_at >= pulse.comment_seconds:
                yield b": alive\n\n"
            else:
                continue
            spoke_at = time.monotonic()

    async def _check(self) -> None:
        """Ends the stream of a credential that is not good any more."""
        self._subscription.check()
        now = time.monotonic()
        if now - self._checked_at < self._source.pulse.credential_seconds:
            return
        self._checked_at = now
        try:
            principal = await self._source.authenticator.authenticate(self._asked.credential)
        except AppError:
            raise
        except Exception:
            # The database is away, which is no revocation; nor does anything new come while it is.
            return
        authorize(principal, self._asked.rule)

    def _frames(self, events: list[LoggedEvent]) -> Iterator[bytes]:
        """Some together, yet never so much that a slow line cannot take it in time."""
        chunk = b""
        for event in events:
            chunk += self._frame(event)
            if len(chunk) >= _CHUNK_BYTES:
                yield chunk
                chunk = b""
        if chunk:
            yield chunk

    def _frame(self, event: LoggedEvent) -> bytes:
        head = f"id: {self._cursor(place_of(event))}\nevent: {event.type}\ndata: ".encode()
        return head + msgspec.json.encode(Envelope.of(event)) + b"\n\n"

    def _cursor(self, place: Place) -> str:
        return self._source.places.cursor(self._asked.tenant, place)


def _last_word(reason: str, detail: str) -> bytes:
    return b"event: error\ndata: " + msgspec.json.encode({"reason": reason, "detail": detail}) + b"\n\n"
