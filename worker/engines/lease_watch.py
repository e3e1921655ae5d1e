"""Ends this process when its lease is over: hard, in order of nothing, and also when Python hangs."""

import os
import signal
import threading
import time

LEASE_ENDED = 75
# By the thread, or by the alarm: no fault of any session.
LEASE_ENDS = frozenset({LEASE_ENDED, -signal.SIGALRM})
_LOOK_EVERY = 0.1
# The kernel's alarm comes a little later, and only where the thread could not.
_GRACE = 0.5


class LeaseWatch:
    """The deadline is on the clock that goes on while the machine sleeps."""

    def __init__(self) -> None:
        self._deadline = float("inf")
        # A thread of its own: the event loop may be busy, and calls into Go let threads run.
        threading.Thread(target=self._watch, daemon=True, name="lease").start()

    def extend(self, deadline: float) -> None:
        self._deadline = deadline
        # Its default action ends the process even when no thread of Python gets to run.
        remaining = deadline - now()
        signal.setitimer(signal.ITIMER_REAL, 0 if remaining == float("inf") else max(remaining, 0.0) + _GRACE)

    def check(self) -> None:
        if now() >= self._deadline:
            os._exit(LEASE_ENDED)

    def _watch(self) -> None:
        while True:
            self.check()
            time.sleep(_LOOK_EVERY)


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
