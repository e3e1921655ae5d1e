"""What one open stream has still to be given."""

import asyncio
from collections import deque
from contextlib import suppress

from control_plane.errors import AppError, Code
from control_plane.events.models import LoggedEvent
from control_plane.events.schemas import Wanted

QUEUE_LENGTH = 1000
GO_ON = "connect again after the last event that came (Last-Event-ID, or after=) to go on without a gap."


class Subscription:
    """While history is read a full queue is only forgotten, because the log still has what was in it."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._queue: deque[LoggedEvent] = deque()
        self._changed = asyncio.Event()
        self._end: AppError | None = None
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
            waited = f"More than {QUEUE_LENGTH} events waited for you."
            self.end(AppError(Code.SLOW_READER, f"{waited} Read faster, or ask for fewer types; {GO_ON}"))
        self._changed.set()

    def end(self, error: AppError) -> None:
        """The reader is told its code, which it may branch on, and its words, which say what to do."""
        if self._end is None:
            self._queue.clear()
            self._end = error
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
