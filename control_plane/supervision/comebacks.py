"""A session that was thrown out by its own dying predecessor is assigned anew, after a pause."""

import asyncio
import uuid

import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.sessions.states_told import Comeback
from control_plane.supervision.assignment import Assignments, is_live
from control_plane.supervision.orders import RUN
from shared.session_state import Reason, SessionState

log = structlog.get_logger(__name__)


class Comebacks:
    """Lost with this process, and made good by the next heartbeat, which finds that it does not run."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, comeback: Comeback) -> None:
        session = comeback.session
        task = asyncio.create_task(self._come_back(session.id, session.epoch, comeback.after))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _come_back(self, session_id: uuid.UUID, epoch: int, after: float) -> None:
        await asyncio.sleep(after)
        try:
            async with self._database.system(SystemSite.SUPERVISION) as db:
                assignments = Assignments(db)
                now = await assignments.begin()
                (seen,) = await assignments.sessions.locked([session_id]) or (None,)
                if seen is None or seen.epoch != epoch or seen.wanted != RUN or seen.worker_id is None:
                    return
                worker = await assignments.fleet.worker(seen.worker_id)
                if worker is not None and is_live(worker, now):
                    await assignments.assign(seen, worker, SessionState.RECOVERING, Reason.MOVING)
        except Exception as error:
            log.warning("comeback_failed", session_id=str(session_id), error=type(error).__name__)
