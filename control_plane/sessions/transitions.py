"""The only writer of a session's state: guarded by the table of states, told in the same transaction."""

from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.events.log import NewEvent, append
from control_plane.sessions.models import Session, SessionChange
from control_plane.sessions.state_times import StateTimes
from shared.ids import public_id
from shared.session_state import Reason, SessionState, may_follow

log = structlog.get_logger(__name__)


async def transition(
    db: AsyncSession, session: Session, state: SessionState, reason: Reason, detail: str = ""
) -> bool:
    """`session` is locked by this transaction. False: not allowed from here, or nothing would change."""
    before, known = SessionState(session.status), Reason(session.status_reason)
    if (before, known, session.status_detail) == (state, reason, detail):
        return False
    if not may_follow(before, state):
        log.info("transition_not_allowed", session_id=str(session.id), before=before, after=state)
        return False
    now = datetime.now(UTC)
    if (times := StateTimes.of(db)) is not None:
        times.changed((before, known), state, (now - session.status_at).total_seconds())
    session.status, session.status_reason, session.status_detail = state, reason, detail
    session.status_at = now
    if state is SessionState.CONNECTED and before is not state:
        session.connected_at = session.status_at
        session.expiry_told_at = None
    note(db, session, before, detail)
    await tell(
        db,
        session,
        "session.status",
        {"status": state, "statusReason": reason, "detail": detail, "previousStatus": before},
    )
    log.info("session_state", session_id=str(session.id), before=before, after=state, reason=reason)
    return True


def note(db: AsyncSession, session: Session, before: SessionState, detail: str) -> None:
    """On the timeline."""
    db.add(
        SessionChange(
            user_id=session.user_id,
            session_id=session.id,
            before=before,
            after=session.status,
            reason=session.status_reason,
            detail=detail,
            worker_id=session.worker_id,
            epoch=session.epoch,
        )
    )


async def tell(db: AsyncSession, session: Session, kind: str, data: dict[str, Any]) -> None:
    """An event of this session, with the next number of its sequence."""
    session.sequence += 1
    event = NewEvent(
        user_id=session.user_id,
        session_id=session.id,
        sequence=session.sequence,
        type=kind,
        data={"sessionId": public_id("ses", session.id), "name": session.name, **data},
        sandbox=session.sandbox,
    )
    await append(db, [event])
