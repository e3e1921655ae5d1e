"""The early warning: a worker's stream has closed. Is its process gone, or was it only the line?"""

import asyncio
from contextlib import suppress

import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.repository import FleetRepository
from control_plane.fleet.tokens import WorkerIdentity
from control_plane.fleet.worker_client import Address, Trouble, WorkerClient, WorkerTrouble
from control_plane.supervision.nudges import Nudges
from control_plane.supervision.recovery import take_over

log = structlog.get_logger(__name__)

_TRIES = 3
_BETWEEN = 0.2


class Probes:
    """Only refusals count: a time-out may be a slow network, and that worker's lease has to end first."""

    def __init__(self, database: Database, client: WorkerClient, nudges: Nudges) -> None:
        self._database = database
        self._client = client
        self._nudges = nudges
        self._tasks: set[asyncio.Task[None]] = set()

    def stream_ended(self, who: WorkerIdentity) -> None:
        task = asyncio.create_task(self._look(who), name=f"probe {who.worker_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self, who: WorkerIdentity) -> None:
        with suppress(asyncio.CancelledError):
            try:
                await self._probe(who)
            except Exception as error:
                log.warning("probe_failed", worker_id=who.worker_id, error=type(error).__name__)

    async def _probe(self, who: WorkerIdentity) -> None:
        async with self._database.system(SystemSite.SUPERVISION) as db:
            worker = await FleetRepository(db).worker(who.worker_id)
            if worker is None or worker.incarnation != who.incarnation or worker.retired_at is not None:
                return
            address, beat = Address.of(worker), worker.heartbeat_at
        for number in range(_TRIES):
            if number:
                await asyncio.sleep(_BETWEEN)
            try:
                await self._client.standing(address)
            except WorkerTrouble as error:
                if error.trouble is not Trouble.REFUSED:
                    return
            else:
                return
        if self._nudges.closing.is_set() or self._nudges.has_stream(who.worker_id):
            return
        async with self._database.system(SystemSite.SUPERVISION) as db:
            fresh = await FleetRepository(db).worker(who.worker_id)
            if fresh is None or fresh.heartbeat_at != beat:
                return
            await take_over(db, who.worker_id, who.incarnation, "its process ended", proven=True)
