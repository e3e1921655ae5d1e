"""One heartbeat: the lease is renewed, what is seen is compared with what is assigned, orders go back."""

from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code
from control_plane.fleet.repository import FleetRepository
from control_plane.fleet.tokens import WorkerIdentity
from control_plane.keyring import Keyring
from control_plane.sessions.models import Session, Wanted
from control_plane.sessions.probes import ProbesSeen
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.states_told import forget
from control_plane.sessions.transitions import transition
from control_plane.supervision.orders import Comparison, compare, start_order
from shared.contracts.fleet import Heartbeat, HeartbeatAnswer, SeenState, StoreKind
from shared.session_state import REASONS, USUAL_REASON, Reason, SessionState

log = structlog.get_logger(__name__)


def retired() -> AppError:
    return AppError(
        Code.INCARNATION_RETIRED,
        "The lease of this worker has ended and its sessions have moved. Stop every session, register again.",
    )


def replaced() -> AppError:
    """Registering again would only throw the other one out, and so for ever."""
    return AppError(
        Code.INCARNATION_REPLACED,
        "Another process was registered under this worker's id. Stop every session and end.",
    )


async def demand_present(db: AsyncSession, who: WorkerIdentity) -> None:
    """An earlier process under this id must not learn the orders that are meant for the present one."""
    worker = await FleetRepository(db).worker(who.worker_id)
    if worker is None or worker.incarnation != who.incarnation:
        raise replaced()


async def renew_lease(db: AsyncSession, who: WorkerIdentity, beat: Heartbeat) -> str:
    """A transaction of its own: the comparison must not hold the worker's row. Until when the lease is."""
    fleet = FleetRepository(db)
    worker = await fleet.worker(who.worker_id, lock=True)
    if worker is None or worker.incarnation != who.incarnation or beat.incarnation != who.incarnation:
        raise replaced()
    if worker.retired_at is not None:
        raise retired()
    now = await fleet.now()
    worker.heartbeat_at = now
    # Expired but not swept: nothing has moved yet.
    worker.lease_until = now + timedelta(seconds=worker.lease_seconds)
    worker.cpu, worker.memory, worker.uptime = beat.cpu, beat.memory, beat.uptime
    worker.spooled = beat.spooled
    if beat.version:
        worker.version = beat.version[:100]
    if beat.environment:
        worker.environment = beat.environment[:100]
    if beat.capacity is not None:
        worker.capacity = max(0, beat.capacity)
    if beat.draining and not worker.draining:
        worker.draining = True
        fleet.note(worker.id, "draining")
    if beat.sessions is not None:
        worker.counts = {
            "total": beat.sessions.total,
            "connected": beat.sessions.connected,
            "disconnected": beat.sessions.disconnected,
            "qr_required": beat.sessions.qr_required,
            "error": beat.sessions.error,
        }
    elif beat.session_count is not None:
        worker.counts = {"total": beat.session_count}
    return worker.lease_until.isoformat()


async def answer_heartbeat(
    db: AsyncSession, who: WorkerIdentity, beat: Heartbeat, lease_until: str, keyring: Keyring
) -> HeartbeatAnswer:
    if beat.states is None:
        return HeartbeatAnswer(lease_until=lease_until)
    await ProbesSeen(db).keep(who.worker_id, beat.probes)
    sessions = SupervisedSessions(db)
    assigned = await sessions.of_worker(who.worker_id)
    # After the sessions were read: whoever registered before that has raised their epochs for itself.
    await demand_present(db, who)
    found = compare(assigned, beat.states, draining=beat.draining)
    await _settle(db, who, found, nothing_newer=beat.spooled == 0)
    return HeartbeatAnswer(
        lease_until=lease_until,
        start=tuple(start_order(session, keyring) for session in found.start),
        stop=tuple(found.stop),
        lost=tuple(found.lost),
    )


async def _settle(db: AsyncSession, who: WorkerIdentity, found: Comparison, *, nothing_newer: bool) -> None:
    """Looked at again under the rows' locks: what was read before may have changed."""
    different = {session.id: state for session, state in found.different} if nothing_newer else {}
    ids = [*different, *(session.id for session in found.released)]
    if not ids:
        return
    fleet = FleetRepository(db)
    for session in await SupervisedSessions(db).locked(ids):
        if session.worker_id != who.worker_id:
            continue
        state = different.get(session.id)
        if state is None:
            if session.wanted == Wanted.LOG_OUT:
                await forget(db, session)
            if session.wanted != Wanted.RUN and session.store != StoreKind.SQLITE:
                session.worker_id = None
        elif state.epoch == session.epoch and await _correct(db, session, state):
            await fleet.count_repair("state_corrected")


async def _correct(db: AsyncSession, session: Session, state: SeenState) -> bool:
    if session.status == SessionState.CONNECTED and state.status is not SessionState.CONNECTED:
        log.warning("session_appears_disconnected", session_id=str(session.id), seen=state.status)
    reason = state.reason
    if reason is None or reason not in REASONS[state.status]:
        reason = USUAL_REASON[state.status]
    return await transition(db, session, state.status, Reason(reason), "told by a heartbeat")
