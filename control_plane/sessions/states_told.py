"""From what a client saw to what is stored: the end of a client may be the end of what its owner wants."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.sessions.models import Session, Wanted
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.transitions import tell, transition
from shared.contracts.told import Meaning, Then
from shared.session_state import Reason, SessionState

# Replaced so soon after the take-over: that was the dying predecessor, which came back once more.
_PREDECESSOR = timedelta(seconds=60)
_MOST_COMEBACKS = 3


async def state_told(db: AsyncSession, session: Session, meaning: Meaning) -> None:
    """By its present owner. One that is to come back is assigned anew when its pause is over."""
    if meaning.reason is Reason.REPLACED and _is_predecessor(session):
        pause = timedelta(seconds=2**session.comebacks)
        session.comebacks += 1
        session.start_after = datetime.now(UTC) + pause
        await transition(db, session, SessionState.RECOVERING, Reason.MOVING, "the predecessor came back")
        return
    if meaning.then is not Then.GO_ON:
        session.wanted = Wanted.STOP
    if meaning.then is Then.FORGET or meaning.reason is Reason.CREDENTIALS_LOST:
        await _drop_credentials(db, session)
    await transition(db, session, meaning.state, meaning.reason, _detail(meaning))
    if meaning.reason is Reason.CREDENTIALS_LOST:
        await tell(db, session, "session.credentials_lost", {"action": "connect and scan again"})


async def forget(db: AsyncSession, session: Session) -> None:
    """A log-out without a client that could tell the phone: its credentials are only forgotten."""
    session.wanted = Wanted.STOP
    await _drop_credentials(db, session)
    await transition(db, session, SessionState.LOGGED_OUT, Reason.LOGGED_OUT_BY_USER)


async def _drop_credentials(db: AsyncSession, session: Session) -> None:
    """From the shared store; what a worker keeps in files it drops itself."""
    await SupervisedSessions(db).forget_device(session)
    session.device_jid = None


def _is_predecessor(session: Session) -> bool:
    if session.assigned_at is None or session.comebacks >= _MOST_COMEBACKS or session.epoch <= 1:
        return False
    return datetime.now(UTC) - session.assigned_at < _PREDECESSOR


def _detail(meaning: Meaning) -> str:
    if meaning.seconds is None:
        return meaning.detail
    return f"{meaning.detail}; for {meaning.seconds} s".lstrip("; ")
