"""While load is uneven, sessions move by themselves: idle ones first, one at a time, none back and forth."""

from datetime import datetime, timedelta

import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.balance import Load, worthwhile_moves
from control_plane.fleet.models import Worker
from control_plane.sessions.models import Session
from control_plane.sessions.transitions import note
from control_plane.supervision.assignment import Assignments, is_live, why_not
from control_plane.supervision.movable import MovableSessions
from shared.ids import public_id
from shared.session_state import SessionState

log = structlog.get_logger(__name__)

# So many times the pause between two moves, a worker has to be there: fleets are restarted in rows.
_SETTLED_AFTER = 3


class Rebalancing:
    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._settled = timedelta(seconds=seconds * _SETTLED_AFTER)

    async def one_move(self) -> int:
        """How many sessions were asked to move: one, or none while another is still on its way."""
        async with self._database.system(SystemSite.SUPERVISION) as db:
            assignments, movable = Assignments(db), MovableSessions(db)
            now = await assignments.begin()
            workers = {each.id: each for each in await assignments.fleet.workers() if _takes_part(each, now)}
            if not self._at_rest(workers, now) or await movable.on_their_way():
                return 0
            counts = await assignments.sessions.assigned_counts()
            for source, target in worthwhile_moves([_load(each, counts) for each in workers.values()]):
                session = await movable.idlest(workers[source], workers[target])
                if session is not None and not why_not(workers[target], session, now):
                    await self._move(assignments, session, target)
                    return 1
        return 0

    def _at_rest(self, workers: dict[str, Worker], now: datetime) -> bool:
        joined = [each.registered_at for each in workers.values() if each.registered_at is not None]
        return len(workers) > 1 and all(at <= now - self._settled for at in joined)

    async def _move(self, assignments: Assignments, session: Session, target: str) -> None:
        source = str(session.worker_id)
        session.moving_to = target
        note(
            assignments.fleet.session,
            session,
            SessionState(session.status),
            f"moves to {target}: load is uneven",
        )
        assignments.fleet.note(source, "rebalanced", session=public_id("ses", session.id), to=target)
        await assignments.fleet.count_repair("rebalanced")
        await assignments.fleet.session.flush()
        await assignments.fleet.nudge(source)
        log.info("session_rebalanced", session_id=str(session.id), before=source, after=target)


def _takes_part(worker: Worker, now: datetime) -> bool:
    return is_live(worker, now) and not worker.draining


def _load(worker: Worker, counts: dict[str, int]) -> Load:
    assigned = counts.get(worker.id, 0)
    return Load(worker_id=worker.id, room=worker.room, assigned=assigned, weight=worker.weight)
