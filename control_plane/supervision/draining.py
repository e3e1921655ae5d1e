"""A worker is emptied on an administrator's word, session by session, and takes part again on another."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from control_plane.fleet.models import Worker
from control_plane.sessions.models import ANYWHERE, Session, Wanted
from control_plane.supervision.assignment import Assignments, is_live, why_not
from shared.contracts.fleet import StoreKind

log = structlog.get_logger(__name__)


async def drain(assignments: Assignments, workers: Sequence[Worker], now: datetime) -> dict[str, int]:
    """How many sessions of each are about to move. All rows of workers are locked.

    All are marked before any session is looked at, so that none moves to one that is emptied as well.
    """
    for worker in workers:
        worker.drain_wanted = True
        if not worker.draining:
            worker.draining = True
            assignments.fleet.note(worker.id, "draining", by="administrator")
    await assignments.fleet.session.flush()
    moving = dict.fromkeys((worker.id for worker in workers), 0)
    rooms = await Rooms.of(assignments, now)
    sessions = await _running_on(assignments, [each.id for each in workers if is_live(each, now)])
    # Those that are on their way already have taken their room.
    for session in sorted(sessions, key=lambda each: each.moving_to is None):
        if rooms.reserve(session) or session.moving_to is not None:
            session.moving_to = ANYWHERE
            moving[str(session.worker_id)] += 1
    await _tell(assignments, workers)
    log.info("drain_requested", workers=sorted(moving), moving=sum(moving.values()))
    return moving


async def resume(assignments: Assignments, workers: Sequence[Worker]) -> None:
    """Sessions that have not left yet stay."""
    for worker in workers:
        worker.drain_wanted = False
        if worker.draining:
            worker.draining = False
            assignments.fleet.note(worker.id, "resumed", by="administrator")
    for session in await _running_on(assignments, [worker.id for worker in workers]):
        session.moving_to = None
    await _tell(assignments, workers)
    log.info("resumed", workers=sorted(worker.id for worker in workers))


class Rooms:
    """A session that stops although nobody can take it would only be started again where it was."""

    def __init__(self, workers: Sequence[Worker], counts: dict[str, int], now: datetime) -> None:
        self._workers = workers
        self._free = {worker.id: worker.room - counts.get(worker.id, 0) for worker in workers}
        self._now = now

    @classmethod
    async def of(cls, assignments: Assignments, now: datetime) -> "Rooms":
        return cls(await assignments.fleet.workers(), await assignments.sessions.assigned_counts(), now)

    def reserve(self, session: Session, except_for: Sequence[str] = ()) -> bool:
        if session.store == StoreKind.SQLITE and session.device_jid is not None:
            return False
        for worker in self._workers:
            if self._free[worker.id] > 0 and not why_not(worker, session, self._now, except_for):
                self._free[worker.id] -= 1
                return True
        return False


async def _running_on(assignments: Assignments, worker_ids: Sequence[str]) -> list[Session]:
    """Locked together, in the order that everybody locks them in."""
    seen = [
        session.id for worker_id in worker_ids for session in await assignments.sessions.of_worker(worker_id)
    ]
    locked = await assignments.sessions.locked(sorted(seen))
    return [session for session in locked if session.worker_id in worker_ids and session.wanted == Wanted.RUN]


async def _tell(assignments: Assignments, workers: Sequence[Worker]) -> None:
    await assignments.fleet.session.flush()
    for worker in workers:
        await assignments.fleet.nudge(worker.id)
