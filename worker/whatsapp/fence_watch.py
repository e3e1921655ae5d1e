"""Hears the fence. A refused write on the receive path shows in the library's log and nowhere else."""

import logging
import re
from collections.abc import Callable

_REFUSAL = re.compile(r"waypost: this writer \(session ([0-9a-f-]{36}), epoch (\d{1,18})\)")


class FenceWatch(logging.Handler):
    """Calls `refused(session, epoch)` from whichever thread the library logs in."""

    def __init__(self, refused: Callable[[str, int], None]) -> None:
        super().__init__(logging.WARNING)
        self._refused = refused

    def emit(self, record: logging.LogRecord) -> None:
        found = _REFUSAL.search(record.getMessage())
        if found is not None:
            self._refused(found[1], int(found[2]))
