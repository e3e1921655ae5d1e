"""How many attempts a process makes at once, so that those that hang never take all of its connections."""

from collections import deque
from collections.abc import Callable

_AT_ONCE = 160


class Slots:
    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._free = at_once
        self._waiting: deque[Callable[[], None]] = deque()

    @property
    def is_free(self) -> bool:
        return self._free > 0

    def take(self) -> None:
        self._free -= 1

    def give_back(self) -> None:
        self._free += 1
        if self._waiting:
            self._waiting.popleft()()

    def when_free(self, wake: Callable[[], None]) -> None:
        if wake not in self._waiting:
            self._waiting.append(wake)


class Width:
    """How many attempts one endpoint makes at once: more while it answers well, few while it does not."""

    def __init__(self) -> None:
        self.now = _FIRST

    def answered(self, seconds: float) -> None:
        self.now = min(self.now + 1, _WIDEST) if seconds < _SLOW_SECONDS else max(self.now - 1, _NARROWEST)

    def failed(self) -> None:
        self.now = max(self.now // 2, 1)


_FIRST, _WIDEST, _NARROWEST = 4, 16, 2
_SLOW_SECONDS = 1.0
