"""Who runs a session: chosen, fenced and written in one transaction."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.fleet.models import Worker
from control_plane.fleet.placement import Candidate, Score, labels_met, ranked
from control_plane.fleet.repository import FleetRepository
from control_plane.sessions.models import Session
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.transitions import transition
from control_plane.supervision.fences import Fences
from shared.contracts.fleet import StoreKind
from shared.session_state import Reason, SessionState, may_follow

log = structlog.get_logger(__name__)


class Assignments:
    def __init__(self, db: AsyncSession) -> None:
        self._db = db
        self.fleet = FleetRepository(db)
        self.sessions = SupervisedSessions(db)
        self._fences = Fences(db)

    async def begin(self) -> datetime:
        """Before any worker's or session's row is locked."""
        await self._fences.begin_placing()
        return await self.fleet.now()

    async def scores(
        self, session: Session | None, now: datetime, except_for: Sequence[str] = ()
    ) -> list[Score]:
        counts = await self.sessions.assigned_counts()
        workers = await self.fleet.workers()
        return ranked(
            _candidate(worker, session, counts.get(worker.id, 0), why_not(worker, session, now, except_for))
            for worker in workers
        )

    async def choose(
        self, session: Session, now: datetime, except_for: Sequence[str] = (), first: str | None = None
    ) -> Worker | None:
        """The chosen one's row is locked; None when nobody has room. `first` is taken before better ones."""
        scores = await self.scores(session, now, except_for)
        for best in sorted(scores, key=lambda each: not (each.eligible and each.worker_id == first)):
            if not best.eligible:
                return None
            worker = await self.fleet.worker(best.worker_id, lock=True)
            if worker is not None and not why_not(worker, session, now, except_for):
                return worker
        return None

    async def assign(
        self, session: Session, worker: Worker, state: SessionState, reason: Reason, detail: str = ""
    ) -> None:
        """Both rows are locked. From the commit on, whatever the owner before still writes is refused."""
        before, former = session.epoch, session.worker_id
        session.epoch = before + 1
        session.worker_id, session.moving_to, session.start_after = worker.id, None, None
        session.assigned_at = await self.fleet.now()
        if session.device_jid is None:
            session.store = worker.store
        if session.device_jid is None and may_follow(SessionState(session.status), SessionState.INITIALIZING):
            # Nothing is there to be recovered: its pairing begins anew, with a new code.
            detail = detail or (reason if state is SessionState.RECOVERING else "")
            state, reason = SessionState.INITIALIZING, Reason.STARTING
        await self._fences.raise_for(session, before)
        await self._fences.note_owner(session, worker.id, worker.incarnation)
        await transition(self._db, session, state, reason, detail)
        await self._db.flush()
        # Whoever had it and lives is to stop now, not at its next beat.
        for told in {worker.id, former} - {None}:
            await self.fleet.nudge(str(told))
        log.info("session_assigned", session_id=str(session.id), epoch=session.epoch, worker_id=worker.id)


def is_live(worker: Worker, now: datetime) -> bool:
    return worker.retired_at is None and worker.lease_until is not None and worker.lease_until > now


def why_not(worker: Worker, session: Session | None, now: datetime, except_for: Sequence[str] = ()) -> str:
    """Empty when it may take the session."""
    reasons = [
        (not is_live(worker, now), "is offline"),
        (worker.draining, "is draining"),
        (worker.id in except_for, "is left out"),
    ]
    if session is not None:
        reasons += [
            (session.sandbox and not worker.sandbox, "runs no sandbox sessions"),
            (_stuck_elsewhere(worker, session), "does not have the session's credentials"),
        ]
    return next((words for holds, words in reasons if holds), "")


def _stuck_elsewhere(worker: Worker, session: Session) -> bool:
    if session.device_jid is None:
        return False
    only_there = session.store == StoreKind.SQLITE and session.worker_id != worker.id
    return only_there or session.store != worker.store


def _candidate(worker: Worker, session: Session | None, assigned: int, reason: str) -> Candidate:
    total = worker.counts.get("total", 0)
    ill = worker.counts.get("error", 0)
    return Candidate(
        worker_id=worker.id,
        capacity=worker.room,
        assigned=assigned,
        cpu=worker.cpu,
        memory=worker.memory,
        healthy=1 - ill / total if total else 1.0,
        failures=worker.failures,
        labels=labels_met(session.worker_labels if session is not None else {}, worker.labels),
        weight=worker.weight,
        accepts=not reason,
        why_not=reason,
    )
