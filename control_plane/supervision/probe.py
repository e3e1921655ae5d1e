"""The early warning: a worker's stream has closed. Is its process gone, or was it only the line?"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any

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
        # The incarnation of each worker that has answered at its endpoint.
        self._answered: dict[str, int] = {}

    def stream_began(self, who: WorkerIdentity) -> None:
        """A refusal says something only of an endpoint that can be reached at all."""
        self._in_a_task(self._meet(who))

    def stream_ended(self, who: WorkerIdentity) -> None:
        if self._answered.get(who.worker_id) == who.incarnation:
            self._in_a_task(self._look(who))

    def _in_a_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _meet(self, who: WorkerIdentity) -> None:
        try:
            address = (await self._present(who))[0]
            standing = await self._client.standing(address) if address is not None else None
        except Exception as error:
            log.warning(
                "worker_not_reached", worker_id=who.worker_id, error=str(error) or type(error).__name__
            )
            return
        if standing is not None and (standing.worker_id, standing.incarnation) == (
            who.worker_id,
            who.incarnation,
        ):
            self._answered[who.worker_id] = who.incarnation

    async def _present(self, who: WorkerIdentity) -> tuple[Address | None, datetime | None]:
        """Where it is and when it last beat, unless this incarnation is over."""
        async with self._database.system(SystemSite.SUPERVISION) as db:
            worker = await FleetRepository(db).worker(who.worker_id)
            if worker is None or worker.incarnation != who.incarnation or worker.retired_at is not None:
                return None, None
            return Address.of(worker), worker.heartbeat_at

    async def _look(self, who: WorkerIdentity) -> None:
        with suppress(asyncio.CancelledError):
            try:
                await self._probe(who)
            except Exception as error:
                log.warning("probe_failed", worker_id=who.worker_id, error=type(error).__name__)

    async def _probe(self, who: WorkerIdentity) -> None:
        address, beat = await self._present(who)
        if address is None:
            return
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
