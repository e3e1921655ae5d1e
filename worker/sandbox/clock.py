"""What time it is on the network. Clients keep their own time, for the codes on their screens too."""

import time


class Clock:
    """The time of the machine, which nobody here can set."""

    def now(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        """For ages: it never goes back."""
        return time.monotonic()

    def seconds(self) -> int:
        """As stanzas have it."""
        return int(self.now())


class SetClock(Clock):
    """Stands still at the time that it was set to, until it is moved."""

    def __init__(self, start: float) -> None:
        self._now = start
        self._elapsed = 0.0

    def now(self) -> float:
        return self._now

    def elapsed(self) -> float:
        return self._elapsed

    def set(self, now: float) -> None:
        """To an earlier time too; nothing gets younger by that."""
        self._elapsed += max(0.0, now - self._now)
        self._now = now

    def advance(self, seconds: float) -> None:
        self.set(self._now + seconds)
