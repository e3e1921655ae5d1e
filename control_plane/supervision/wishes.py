"""What owners ask of their sessions: run, stop, start anew, log out."""

import re
import uuid
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code, not_found
from control_plane.fleet.models import Worker
from control_plane.messages.chat_ids import PHONE
from control_plane.sessions.models import ANYWHERE, Session, Wanted
from control_plane.sessions.states_told import forget
from control_plane.sessions.transitions import transition
from control_plane.supervision.assignment import Assignments, is_live, why_not
from control_plane.supervision.orders import ENDED
from shared.session_state import Reason, SessionState, may_follow

_HAVE_A_CLIENT = frozenset({SessionState.CONNECTED, SessionState.RECONNECTING})


class Wishes:
    """One transaction across the fleet; the owner stands in every statement."""

    def __init__(self, db: AsyncSession, user_id: uuid.UUID) -> None:
        self._db = db
        self._user_id = user_id
        self._assignments = Assignments(db)

    async def connect(self, reference: str, phone: str | None = None) -> Session:
        """Already running is well; otherwise it is placed and started."""
        if phone is not None and not re.fullmatch(PHONE, phone):
            raise AppError(
                Code.VALIDATION_FAILED,
                "The phone must be a number with its country code, such as +4915112345678.",
                errors=[{"pointer": "/phone", "detail": "is no phone number"}],
            )
        return await self._start(reference, phone, even_if_running=False)

    async def restart(self, reference: str) -> Session:
        return await self._start(reference, None, even_if_running=True)

    async def disconnect(self, reference: str) -> Session:
        session = await self._locked(reference)
        session.wanted = Wanted.STOP
        await transition(self._db, session, SessionState.DISCONNECTED, Reason.REQUESTED)
        await self._assignments.sessions.drop_pairing(session.id)
        await self._nudge(session)
        return session

    async def log_out(self, reference: str) -> Session:
        """The client itself has to tell the phone; one that does not run can only be forgotten."""
        session = await self._locked(reference)
        await self._assignments.sessions.drop_pairing(session.id)
        if session.worker_id is not None and session.status in _HAVE_A_CLIENT:
            session.wanted = Wanted.LOG_OUT
        else:
            await forget(self._db, session)
        await self._nudge(session)
        return session

    async def _start(self, reference: str, phone: str | None, *, even_if_running: bool) -> Session:
        now = await self._assignments.begin()
        seen = await self._assignments.sessions.of_user(self._user_id, reference, lock=False)
        if seen is None:
            raise not_found("session")
        worker = await self._own_worker(seen, now) or await self._assignments.choose(seen, now)
        session = await self._locked(reference)
        if session.wanted == Wanted.RUN and session.status not in ENDED and not even_if_running:
            return session
        if worker is None:
            raise AppError(
                Code.NO_WORKER_AVAILABLE,
                "No worker has room for this session now. Try again in a moment.",
                headers={"Retry-After": "5"},
            )
        if await self._leaves_first(session, now):
            session.moving_to = ANYWHERE
            await self._nudge(session)
            return session
        session.wanted, session.comebacks = Wanted.RUN, 0
        session.pairing_phone = phone.lstrip("+") if phone else None
        await self._assignments.sessions.drop_pairing(session.id)
        state, reason = SessionState.INITIALIZING, Reason.STARTING
        if not may_follow(SessionState(session.status), state):
            state, reason = SessionState.RECOVERING, Reason.RESTART_REQUESTED
        await self._assignments.assign(session, worker, state, reason)
        return session

    async def _leaves_first(self, session: Session, now: datetime) -> bool:
        """It runs on a worker that takes no more: stopped there before it starts elsewhere."""
        if session.worker_id is None or session.wanted != Wanted.RUN or session.status in ENDED:
            return False
        worker = await self._assignments.fleet.worker(session.worker_id)
        return worker is not None and is_live(worker, now) and worker.draining

    async def _own_worker(self, session: Session, now: datetime) -> Worker | None:
        """Where its client may still be stopping: two of them must not run at once, if there is room."""
        if session.worker_id is None:
            return None
        worker = await self._assignments.fleet.worker(session.worker_id, lock=True)
        if worker is None or why_not(worker, session, now):
            return None
        counted = (await self._assignments.sessions.assigned_counts()).get(worker.id, 0)
        others = counted - (session.wanted == Wanted.RUN)
        return worker if others < worker.room else None

    async def _locked(self, reference: str) -> Session:
        session = await self._assignments.sessions.of_user(self._user_id, reference)
        if session is None:
            raise not_found("session")
        return session

    async def _nudge(self, session: Session) -> None:
        await self._db.flush()
        if session.worker_id is not None:
            await self._assignments.fleet.nudge(session.worker_id)
