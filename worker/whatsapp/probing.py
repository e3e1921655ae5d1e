"""Whether the network still answers a client that says that it is connected."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import Enum, auto

from worker.whatsapp.port import NotConnected

# Of the time between two questions, and never longer: answers come in tens of milliseconds, and to connect
# anew for nothing costs a second.
_PATIENCE = 0.5
_LONGEST_PATIENCE = 15.0


class Look(Enum):
    ANSWERED = auto()
    SILENT = auto()
    # It says itself that it is down, and comes back by itself.
    DOWN = auto()


class Probing:
    """`ask` puts one question, and tells after how many milliseconds it was answered, if it was."""

    def __init__(
        self,
        every: float,
        ask: Callable[[float], Awaitable[float | None]],
        found: Callable[[Look, float], None],
    ) -> None:
        self._every = every
        self._ask = ask
        self._found = found
        self.patience = min(every * _PATIENCE, _LONGEST_PATIENCE)
        self._suspected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def suspect(self) -> None:
        """The library has missed an answer: look now."""
        self._suspected.set()

    async def _run(self) -> None:
        while True:
            self._suspected.clear()
            try:
                # Sessions that came up together must not ask together for ever.
                async with asyncio.timeout(self._every * random.uniform(0.8, 1.2)):
                    await self._suspected.wait()
            except TimeoutError:
                pass
            await self._look()

    async def _look(self) -> None:
        try:
            milliseconds = await self._ask(self.patience)
        except NotConnected:
            self._found(Look.DOWN, 0.0)
            return
        look = Look.SILENT if milliseconds is None else Look.ANSWERED
        self._found(look, milliseconds or 0.0)
