"""The end in order: no new sessions, those that run are handed over, and what was spooled is shipped."""

import asyncio
import logging
import os
import threading
from collections.abc import Coroutine
from typing import Any, NoReturn

from shared.contracts.fleet import SeenState
from worker.agent import Agent

log = logging.getLogger(__name__)

# Whatever hangs: what starts workers kills them a little later.
_AT_THE_LATEST = 19.0
_STOPPING = 10.0
_LAST_WORD = 2.0
_FLUSHING = 4.0
_AT_ONCE = 10


class Drain:
    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._stopped: list[SeenState] = []
        self._all_stopped = False
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Returns when everything was told, or when it takes too long."""
        agent = self._agent
        agent.draining = agent.orders.takes_none = True
        registered = agent.client.registered is not None
        sessions = agent.board.running
        log.info("worker_drains", extra={"fields": {"sessions": len(sessions)}})
        if registered:
            await _within(_LAST_WORD, agent.beaten(), "heartbeat")
        await _within(_STOPPING, self._hand_over(sessions), "sessions")
        if registered:
            await _within(_FLUSHING, agent.uplink.flush(), "spool")

    async def _hand_over(self, sessions: tuple[str, ...]) -> None:
        limit = asyncio.Semaphore(_AT_ONCE)
        releasing = asyncio.create_task(self._release())
        try:
            await asyncio.gather(*(self._stop(session, limit) for session in sessions))
            self._all_stopped = True
            self._news.set()
            await releasing
        finally:
            releasing.cancel()

    async def _stop(self, session: str, limit: asyncio.Semaphore) -> None:
        async with limit:
            released = await self._agent.orders.halt(session)
        if released is not None:
            self._stopped.append(released)
            self._news.set()

    async def _release(self) -> None:
        """As soon as some have stopped: others wait to start them."""
        while self._stopped or not self._all_stopped:
            await self._news.wait()
            self._news.clear()
            stopped = tuple(self._stopped)
            await self._agent.orders.release(*stopped)
            del self._stopped[: len(stopped)]


def end_at_the_latest() -> None:
    """A thread, so that it holds when the event loop does not run any more."""
    watch = threading.Timer(_AT_THE_LATEST, end_now)
    watch.daemon = True
    watch.start()


def end_now() -> NoReturn:
    """Engines end with this process, and the spool is made for that."""
    os._exit(1)


async def _within(seconds: float, work: Coroutine[Any, Any, None], what: str) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        log.warning("drain_took_too_long", extra={"fields": {"what": what, "seconds": seconds}})
