"""Sessions whose worker is gone go to another one; those that nobody can take wait, and are still wanted."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.fleet.models import Worker
from control_plane.sessions.models import Session, Wanted
from control_plane.sessions.states_told import forget
from control_plane.sessions.transitions import transition
from control_plane.supervision.assignment import Assignments, is_live
from shared.contracts.fleet import Released, StoreKind
from shared.session_state import Reason, SessionState

log = structlog.get_logger(__name__)

_WAITS_FOR_A_WORKER = timedelta(minutes=5)
_AT_ONCE = 100


async def take_over(db: AsyncSession, worker_id: str, incarnation: int, why: str, *, proven: bool) -> int:
    """Ends an incarnation. How many sessions moved; looked at again under the worker's lock.

    A silent worker's lease must be over. One that is proven dead needs no such wait, the fence makes it safe.
    """
    assignments = Assignments(db)
    now = await assignments.begin()
    worker = await assignments.fleet.worker(worker_id, lock=True)
    if worker is None or worker.incarnation != incarnation or worker.retired_at is not None:
        return 0
    if not proven and is_live(worker, now):
        return 0  # it renewed in the meantime
    worker.retired_at, worker.retired_reason = now, why
    # One that was asked to end, and did, has not failed.
    left = proven and worker.draining
    worker.failures += not left
    moved = 0
    for session in await assignments.sessions.of_worker(worker_id, lock=True):
        if session.wanted == Wanted.RUN:
            moved += await place_again(assignments, session, now, Reason.WORKER_LOST)
        elif session.wanted == Wanted.LOG_OUT:
            await forget(db, session)
    kind = "left" if left else "lost"
    assignments.fleet.note(worker_id, kind, why=why, moved=moved, incarnation=incarnation)
    if left:
        log.info("worker_left", worker_id=worker_id, moved=moved)
        return moved
    await assignments.fleet.count_repair("worker_taken_over")
    log.warning("worker_taken_over", worker_id=worker_id, why=why, moved=moved)
    return moved


async def place_again(
    assignments: Assignments, session: Session, now: datetime, reason: Reason, leaves: Sequence[str] = ()
) -> bool:
    """False: nobody has room, or only the worker that is gone has its credentials.

    One that leaves a worker goes back to it if nobody else has room in the end, and it still takes sessions.
    """
    worker: Worker | None = None
    if session.store != StoreKind.SQLITE or session.device_jid is None:
        worker = await assignments.choose(session, now, leaves, first=session.moving_to)
        if worker is None and leaves:
            worker = await assignments.choose(session, now)
    if worker is not None:
        await assignments.assign(session, worker, SessionState.RECOVERING, reason)
        return True
    # One that has waited long enough is disconnected, and stays so until somebody has room.
    if (session.status, session.status_reason) != (SessionState.DISCONNECTED, Reason.NO_WORKER):
        await transition(assignments.sessions.session, session, SessionState.RECOVERING, Reason.NO_WORKER)
    return False


async def take_released(db: AsyncSession, worker_id: str, released: Released) -> int:
    """The clients are stopped there and their connections closed: the next owner may start."""
    assignments = Assignments(db)
    now = await assignments.begin()
    epochs = {state.id: state.epoch for state in released.sessions}
    moved = 0
    for session in await assignments.sessions.of_worker(worker_id, lock=True):
        if epochs.get(str(session.id)) != session.epoch:
            continue
        if session.wanted == Wanted.RUN:
            moved += await place_again(assignments, session, now, Reason.MOVING, leaves=(worker_id,))
        elif session.store != StoreKind.SQLITE:
            session.worker_id = None
    return moved


async def place_orphans(db: AsyncSession) -> int:
    """Wanted, and with no worker that lives: each gets one as soon as there is room.

    And those whose pause is over go on where they were.
    """
    assignments = Assignments(db)
    # Asked each second by everybody: most of the time there is nothing, and nobody else has to wait for that.
    if not await assignments.sessions.has_orphans():
        return 0
    now = await assignments.begin()
    placed = 0
    for session in await assignments.sessions.orphans(_AT_ONCE):
        if await _come_back(assignments, session, now) or await place_again(
            assignments, session, now, Reason.WORKER_LOST
        ):
            placed += 1
        elif session.status == SessionState.RECOVERING and session.status_at < now - _WAITS_FOR_A_WORKER:
            await transition(db, session, SessionState.DISCONNECTED, Reason.NO_WORKER, "starts by itself")
    return placed


async def _come_back(assignments: Assignments, session: Session, now: datetime) -> bool:
    """After it was thrown out by its own dying predecessor."""
    if session.start_after is None or session.worker_id is None:
        return False
    worker = await assignments.fleet.worker(session.worker_id, lock=True)
    if worker is None or not is_live(worker, now):
        return False
    await assignments.assign(session, worker, SessionState.RECOVERING, Reason.MOVING)
    return True
