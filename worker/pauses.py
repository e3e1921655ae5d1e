"""Pauses between tries: longer each time, and never at the same moment as everybody else's."""

import asyncio
import random

FIRST = 0.2
LONGEST = 10.0


class Pauses:
    def __init__(self, first: float = FIRST, longest: float = LONGEST) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def reset(self) -> None:
        self._next = self._first

    def stretch(self) -> None:
        """To the longest: what is wrong will not be gone in a moment."""
        self._next = self._longest

    def draw(self) -> float:
        pause = self._next * random.uniform(0.5, 1.0)
        self._next = min(self._next * 2, self._longest)
        return pause

    async def wait(self, ends: asyncio.Event | None = None) -> None:
        pause = self.draw()
        if ends is None:
            await asyncio.sleep(pause)
            return
        try:
            async with asyncio.timeout(pause):
                await ends.wait()
        except TimeoutError:
            pass
        ends.clear()
