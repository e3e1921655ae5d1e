"""When a newly paired client may change its process: the phone sends its history to the first connection."""

import time

# The phone tells each of its parts apart; only this one goes on for long.
_LAST_PART = "recent"
_WHOLE = 100


class HistoryWait:
    """Over when the last part is in, or when nothing more has come for a while."""

    def __init__(self, quiet_seconds: float) -> None:
        self._quiet = quiet_seconds
        self._last: float | None = None
        self._whole = False

    def connected(self) -> None:
        if self._last is None:
            self._last = time.monotonic()

    def heard(self, kind: str, progress: int) -> None:
        self._last = time.monotonic()
        self._whole = self._whole or (kind == _LAST_PART and progress >= _WHOLE)

    def remaining(self) -> float | None:
        """Seconds; None before the client is connected for the first time."""
        if self._last is None:
            return None
        return 0.0 if self._whole else max(0.0, self._last + self._quiet - time.monotonic())
