"""Says that an API replica is there: while one is, no worker renews its lease past the control plane."""

import asyncio
from contextlib import suppress

import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.repository import FleetRepository
from shared.ids import new_uuid

log = structlog.get_logger(__name__)

# Of a lease. A worker asks after a third of one whether any replica is there.
_PART = 2 / 15


class ReplicaBeat:
    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._every = lease_seconds * _PART
        self._database = database
        self._id = new_uuid()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="replica-beat")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        with suppress(Exception):
            async with self._database.system(SystemSite.SUPERVISION) as db:
                await FleetRepository(db).end_of_replica(self._id)

    async def _run(self) -> None:
        while True:
            try:
                await self.beat()
            except Exception as error:
                log.warning("replica_beat_failed", error=type(error).__name__)
            await asyncio.sleep(self._every)

    async def beat(self) -> None:
        async with self._database.system(SystemSite.SUPERVISION) as db:
            await FleetRepository(db).beat_of_replica(self._id)
