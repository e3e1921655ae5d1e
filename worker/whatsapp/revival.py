"""A client that is up and of no use is connected anew, until it is logged in or stopped."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from shared.session_state import SessionState
from worker.whatsapp.port import NotConnected, Refused

log = logging.getLogger(__name__)

_MOST = 5
_WITHIN = 600.0
_LONGEST_PAUSE = 60.0
_LOG_IN_TAKES = 5.0


class Revival:
    """`patience` is how long an answer of the network may take."""

    def __init__(
        self, connect: Callable[[], Awaitable[None]], stopped: asyncio.Event, patience: float
    ) -> None:
        self._connect = connect
        self._stopped = stopped
        self._patience = max(_LOG_IN_TAKES, 2 * patience)
        self._times: list[float] = []
        # How often it was begun: it may be again while it is under way, as soon as it has come up.
        self._asked = 0
        self._state = SessionState.RECONNECTING
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def under_way(self) -> bool:
        return self._task is not None and not self._task.done()

    def allowed(self) -> bool:
        """What its own events break again and again is not mended so; a silent network may be."""
        now = time.monotonic()
        self._times = [*(then for then in self._times if now - then < _WITHIN), now]
        return len(self._times) <= _MOST

    def begin(self) -> None:
        self._asked += 1
        self._news.set()
        if not self.under_way:
            self._task = asyncio.create_task(self._run())

    def heard(self, state: SessionState) -> None:
        self._state = state
        self._news.set()

    async def _run(self) -> None:
        pause = 1.0
        while not self._stopped.is_set():
            asked = self._asked
            try:
                await self._connect()
                if await self._comes_up(asked):
                    return
                if asked != self._asked:
                    continue
                why = "it was not logged in"
            except NotConnected:
                return
            except Refused as error:
                why = str(error)
            log.warning("whatsapp_not_revived", extra={"fields": {"why": why}})
            try:
                await asyncio.wait_for(self._stopped.wait(), pause)
            except TimeoutError:
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _comes_up(self, asked: int) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                while asked == self._asked and self._state is SessionState.RECONNECTING:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return asked == self._asked
