"""What one open stream has still to be given."""

import asyncio
from collections import deque
from contextlib import suppress

from control_plane.events.models import LoggedEvent
from control_plane.events.schemas import Wanted

QUEUE_LENGTH = 1000


class StreamEndedError(Exception):
    """The reader is told `reason`, which it may branch on, and `detail`, which says what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Subscription:
    """While history is read a full queue is only forgotten, because the log still has what was in it."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._queue: deque[LoggedEvent] = deque()
        self._changed = asyncio.Event()
        self._end: StreamEndedError | None = None
        self._replaying = True
        self.joined = asyncio.Event()
        self.overflowed = False

    def rewind(self) -> None:
        """Before history is read: from here on everything new is kept."""
        self._queue.clear()
        self._replaying, self.overflowed = True, False

    def go_live(self) -> None:
        self._replaying = False

    def offer(self, event: LoggedEvent) -> None:
        if self.overflowed or self._end is not None or not self._wanted.holds(event):
            return
        if len(self._queue) < QUEUE_LENGTH:
            self._queue.append(event)
        elif self._replaying:
            self._queue.clear()
            self.overflowed = True
        else:
            self.end(
                "slow_reader",
                f"More than {QUEUE_LENGTH} events waited for you. Read faster, or ask for fewer types; "
                "connect again with Last-Event-ID to go on without a gap.",
            )
        self._changed.set()

    def end(self, reason: str, detail: str) -> None:
        if self._end is None:
            self._queue.clear()
            self._end = StreamEndedError(reason, detail)
            self._changed.set()

    def check(self) -> None:
        if self._end is not None:
            raise self._end

    async def take(self, seconds: float) -> list[LoggedEvent]:
        """All that waits; nothing when nothing came for so long."""
        # Not wait_for: in Python 3.11 it may swallow a cancellation.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()
        self.check()
        events = list(self._queue)
        self._queue.clear()
        return events
