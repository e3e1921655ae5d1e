"""The streams that workers keep open: a nudge down one makes a heartbeat happen now, and never more."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg
import structlog

from control_plane.db.engine import SYSTEM_ROLE
from control_plane.fleet.repository import NUDGES

log = structlog.get_logger(__name__)

_LOOK = 5.0


class Nudges:
    """Listens to the database for this replica. One that is lost costs a heartbeat's time."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._streams: dict[str, set[asyncio.Event]] = {}
        self._task: asyncio.Task[None] | None = None
        self.closing = asyncio.Event()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="nudges")

    async def stop(self) -> None:
        self.closing.set()
        for worker in list(self._streams):
            self.nudge(worker)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def nudge(self, worker_id: str) -> None:
        for event in self._streams.get(worker_id, ()):
            event.set()

    def has_stream(self, worker_id: str) -> bool:
        return bool(self._streams.get(worker_id))

    @asynccontextmanager
    async def stream(self, worker_id: str, ended: Callable[[], None]) -> AsyncIterator[asyncio.Event]:
        """`ended` is called when the worker has closed it, and not when we are the ones who end."""
        event = asyncio.Event()
        self._streams.setdefault(worker_id, set()).add(event)
        try:
            yield event
        finally:
            self._streams[worker_id].discard(event)
            if not self._streams[worker_id]:
                del self._streams[worker_id]
            if not self.closing.is_set():
                ended()

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("nudges_broken", error=type(error).__name__)
            await asyncio.sleep(random.uniform(0.2, 1.0))

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=5,
            command_timeout=5,
            server_settings={"role": SYSTEM_ROLE, "application_name": "waypost-nudges"},
        )
        try:
            await connection.add_listener(NUDGES, lambda *arguments: self.nudge(str(arguments[-1])))
            # What was sent before this moment was not heard.
            for worker in list(self._streams):
                self.nudge(worker)
            while True:
                await asyncio.sleep(_LOOK)
                await connection.fetchval("SELECT 1")
        finally:
            with suppress(Exception):
                await asyncio.wait_for(connection.close(), 1)
            connection.terminate()
