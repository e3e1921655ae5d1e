"""How long this worker may run its sessions without a word from the control plane."""

import asyncio
from collections.abc import Callable

from worker.engines.lease_watch import now

# Engines end while some of the lease is left: nobody may start their sessions before they are gone.
_USED = 0.8


class Lease:
    """Counted from the moment a renewal was sent: when it was granted, only the other side knows."""

    def __init__(self, clock: Callable[[], float] = now) -> None:
        self._clock = clock
        self._seconds = 0.0
        self._deadline = float("-inf")

    @property
    def deadline(self) -> float:
        return self._deadline

    @property
    def remaining(self) -> float:
        return max(0.0, self._deadline - self._clock())

    @property
    def over(self) -> bool:
        return self._clock() >= self._deadline

    def moment(self) -> float:
        """To be taken before a renewal is sent."""
        return self._clock()

    def begin(self, sent_at: float, seconds: float) -> None:
        """A new incarnation: what the one before was granted no longer counts."""
        self._seconds, self._deadline = seconds, sent_at + seconds * _USED

    def renewed(self, sent_at: float) -> None:
        """An answer that comes late never shortens it."""
        self._deadline = max(self._deadline, sent_at + self._seconds * _USED)

    async def ended(self) -> None:
        while (left := self.remaining) > 0:  # noqa: ASYNC110 (it may be renewed meanwhile)
            await asyncio.sleep(left)

    def end(self) -> None:
        self._deadline = self._clock()
