"""Ctrl-C and its relatives, noticed at places of our choosing so that no child is ever half started."""

import signal
import time
from types import FrameType

# One Ctrl-C can arrive twice: from the terminal, and passed on by make.
_ECHO_SECONDS = 0.5


class StopRequestedError(Exception):
    """Not a fault: somebody wants the launcher to end."""


class StopSignals:
    def __init__(self) -> None:
        self._count = 0
        self._last = float("-inf")

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started by nohup
            signal.signal(number, self._note)

    def requested(self) -> bool:
        return self._count > 0

    def urgent(self) -> bool:
        return self._count > 1

    def pause(self, seconds: float) -> None:
        if not self.requested():
            time.sleep(seconds)
        if self.requested():
            raise StopRequestedError

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last > _ECHO_SECONDS:
            self._count += 1
        self._last = now
