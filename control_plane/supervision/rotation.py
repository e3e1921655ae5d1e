"""Sessions move on an administrator's word, while their worker goes on taking others."""

from datetime import datetime

import structlog

from control_plane.errors import AppError, Code
from control_plane.fleet.models import Worker
from control_plane.sessions.models import ANYWHERE, Session, Wanted
from control_plane.sessions.transitions import note
from control_plane.supervision.assignment import Assignments, why_not
from control_plane.supervision.draining import Rooms
from control_plane.supervision.movable import MovableSessions
from shared.contracts.fleet import StoreKind
from shared.ids import public_id
from shared.session_state import SessionState

log = structlog.get_logger(__name__)


async def rotate(assignments: Assignments, worker: Worker, count: int | None, now: datetime) -> int:
    """How many of its sessions are about to move, the idlest first. Its row is locked."""
    rooms = await Rooms.of(assignments, now)
    seen = await MovableSessions(assignments.fleet.session).of_worker(worker.id)
    moving = 0
    for session in await assignments.sessions.locked([each.id for each in seen[:count]]):
        if (
            session.worker_id == worker.id
            and session.moving_to is None
            and rooms.reserve(session, (worker.id,))
        ):
            _send_away(assignments, session, ANYWHERE)
            moving += 1
    assignments.fleet.note(worker.id, "rotated", moving=moving, by="administrator")
    await assignments.fleet.session.flush()
    await assignments.fleet.nudge(worker.id)
    log.info("rotation_requested", worker_id=worker.id, moving=moving)
    return moving


async def move(assignments: Assignments, session: Session, target: Worker | None, now: datetime) -> None:
    """The session is locked, and so is the target; without one, whoever is best takes it."""
    source = session.worker_id
    if source is None or session.wanted != Wanted.RUN:
        raise AppError(Code.SESSION_NOT_CONNECTED, "The session does not run, so there is nothing to move.")
    if session.store == StoreKind.SQLITE:
        raise AppError(
            Code.NO_WORKER_AVAILABLE, f"Its credentials are files of {source}; it can run nowhere else."
        )
    if target is not None and target.id == source:
        raise AppError(Code.VALIDATION_FAILED, f"The session runs on {source} already.")
    if target is not None:
        _check_may_take(target, session, now)
        if await _is_full(assignments, target):
            raise AppError(Code.NO_WORKER_AVAILABLE, f"The worker {target.id} is full. Choose another one.")
    elif not (await Rooms.of(assignments, now)).reserve(session, (source,)):
        raise AppError(Code.NO_WORKER_AVAILABLE, "No other worker has room for this session.")
    _send_away(assignments, session, ANYWHERE if target is None else target.id)
    name = public_id("ses", session.id)
    assignments.fleet.note(source, "session_moved", session=name, to=session.moving_to, by="administrator")
    await assignments.fleet.session.flush()
    await assignments.fleet.nudge(source)


def _send_away(assignments: Assignments, session: Session, target: str) -> None:
    session.moving_to = target
    where = "another worker" if target == ANYWHERE else target
    words = f"moves to {where}: asked for by an administrator"
    note(assignments.fleet.session, session, SessionState(session.status), words)


def _check_may_take(target: Worker, session: Session, now: datetime) -> None:
    reason = why_not(target, session, now)
    if reason:
        raise AppError(Code.NO_WORKER_AVAILABLE, f"The worker {target.id} {reason}. Choose another one.")


async def _is_full(assignments: Assignments, target: Worker) -> bool:
    return (await assignments.sessions.assigned_counts()).get(target.id, 0) >= target.room
