"""What an open stream is given, in which order and until when; each kind of stream has words of its own."""

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from control_plane.db.engine import Database
from control_plane.errors import AppError, Code
from control_plane.events.models import LoggedEvent
from control_plane.events.places import Place, Places
from control_plane.events.repository import Stretch, TenantEvents, to_its_end
from control_plane.events.schemas import Wanted, place_of
from control_plane.events.subscription import Subscription
from control_plane.events.tail import Tail
from control_plane.http.authentication import Authenticator, authorize
from control_plane.http.principal import Access
from shared.ids import UserId

log = structlog.get_logger(__name__)

_HISTORY_AT_ONCE = 200
_BATCH_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Pulse:
    """How often an idle stream says that it lives, and how often its credential is looked at again."""

    comment_seconds: float = 15.0
    credential_seconds: float = 1.0
    # A connection that takes nothing for so long has no reader at its other end.
    stall_seconds: float = 10.0


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


class Wording(Protocol):
    """Each answer is one frame of the stream."""

    def opened(self, cursor: str) -> bytes: ...

    def event(self, event: LoggedEvent, cursor: str) -> bytes: ...

    def alive(self) -> bytes: ...

    def ended(self, error: AppError) -> bytes: ...


class EventReader:
    def __init__(
        self, source: EventSource, asked: StreamRequest, subscription: Subscription, wording: Wording
    ) -> None:
        self._source = source
        self._asked = asked
        self._subscription = subscription
        self._wording = wording
        self._place = Place(0, 0)
        self._checked_at = time.monotonic()
        # Why the stream is over, once it is.
        self.end: AppError | None = None

    async def begin(self) -> None:
        after = self._asked.after
        if after is not None:
            self._place = after
            return
        async with self._source.database.tenant(self._asked.tenant) as session:
            self._place = await TenantEvents(session).now()

    async def batches(self) -> AsyncGenerator[list[bytes], None]:
        """Some frames together, yet never so many that a slow line cannot take them in time."""
        try:
            # With a place at once, so that a stream that is cut before its first event leaves no gap.
            yield [self._wording.opened(self._cursor(self._place))]
            async with aclosing(self._history()) as history:
                async for batch in history:
                    yield batch
            async with aclosing(self._live()) as live:
                async for batch in live:
                    yield batch
        except AppError as error:
            self.end = error
        except Exception as error:
            log.warning("event_stream_failed", error=type(error).__name__)
            self.end = AppError(
                Code.DATABASE_UNAVAILABLE,
                "The events cannot be read at this moment. Connect again, after the last event that came.",
            )
        if self.end is not None:
            yield [self._wording.ended(self.end)]

    async def _history(self) -> AsyncGenerator[list[bytes], None]:
        behind = True
        while behind:
            self._subscription.rewind()
            more = True
            while more:
                await self._check()
                stretch = await to_its_end(self._read())
                for batch in self._batched(stretch.events):
                    yield batch
                self._place, more = stretch.end, stretch.more
            behind = self._subscription.overflowed
        self._subscription.go_live()

    async def _read(self) -> Stretch:
        async with self._source.database.tenant(self._asked.tenant) as session:
            return await TenantEvents(session).after(self._place, _HISTORY_AT_ONCE, self._asked.wanted)

    async def _live(self) -> AsyncGenerator[list[bytes], None]:
        pulse = self._source.pulse
        patience = min(pulse.credential_seconds, pulse.comment_seconds)
        spoke_at = time.monotonic()
        while True:
            events = await self._subscription.take(patience)
            await self._check()
            fresh = [event for event in events if place_of(event) > self._place]
            if fresh:
                self._place = place_of(fresh[-1])
                for batch in self._batched(fresh):
                    yield batch
            elif time.monotonic() - spoke_at >= pulse.comment_seconds:
                yield [self._wording.alive()]
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

    def _batched(self, events: list[LoggedEvent]) -> Iterator[list[bytes]]:
        batch: list[bytes] = []
        size = 0
        for event in events:
            frame = self._wording.event(event, self._cursor(place_of(event)))
            batch.append(frame)
            size += len(frame)
            if size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _cursor(self, place: Place) -> str:
        return self._source.places.cursor(self._asked.tenant, place)


async def until_one_ends(writing: Coroutine[Any, Any, None], leaving: Coroutine[Any, Any, None]) -> None:
    """A stream is over when all is said, or when its reader has left."""
    tasks = [asyncio.create_task(writing), asyncio.create_task(leaving)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
