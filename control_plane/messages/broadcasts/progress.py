"""How far a broadcast is, written down and told."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.messages.broadcasts.models import Broadcast, BroadcastStatus
from control_plane.messages.broadcasts.repository import StoredBroadcasts
from control_plane.messages.broadcasts.schemas import GROUPS, progress_of
from control_plane.messages.queue.repository import NEVER
from control_plane.sessions.models import Session
from control_plane.sessions.transitions import tell

# Counts change with each message; whoever looks on wants a picture, not each of them.
_EVERY = timedelta(seconds=2)


def goes_on(broadcast: Broadcast, reason: str | None = None) -> None:
    """`reason`: though nothing moves at this moment."""
    broadcast.started_at = broadcast.started_at or datetime.now(UTC)
    broadcast.status, broadcast.status_reason = BroadcastStatus.RUNNING, reason


async def follow(db: AsyncSession, session: Session, broadcast: Broadcast) -> bool:
    """Ends it when nothing is left of it, and tells what is new. Both rows are locked. True when it told.

    Another status is told at once, counts every two seconds.
    """
    await db.flush()
    counts, now = await StoredBroadcasts(db).counts(broadcast.id), datetime.now(UTC)
    if broadcast.status == BroadcastStatus.RUNNING and not any(counts.get(one) for one in GROUPS["waiting"]):
        broadcast.status, broadcast.status_reason = BroadcastStatus.DONE, None
        broadcast.finished_at, broadcast.due_at = now, NEVER
    data = progress_of(broadcast, counts)
    if data == broadcast.told:
        return False
    marks = ("status", "statusReason")
    is_status = any(data[mark] != broadcast.told.get(mark) for mark in marks)
    if not is_status and broadcast.told_at is not None and now < broadcast.told_at + _EVERY:
        return False
    await tell(db, session, "broadcast.progress", data)
    broadcast.told, broadcast.told_at = data, now
    return True
