"""What becomes of the few messages that stand in the queue when their broadcast is stopped."""

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.messages.broadcasts.models import Broadcast, BroadcastStatus
from control_plane.messages.broadcasts.repository import StoredBroadcasts
from control_plane.messages.queue import settling
from control_plane.sessions.models import Session
from control_plane.tiers.service import ReleasedQuotas


async def stop(db: AsyncSession, session: Session, broadcast: Broadcast) -> None:
    """Of one that is held back or cancelled; both rows are locked. What is being sent goes out."""
    stored = StoredBroadcasts(db)
    messages = await stored.fed(broadcast)
    if broadcast.status == BroadcastStatus.CANCELLED:
        for message in messages:
            await settling.cancelled(db, session, message)
    elif broadcast.held:
        # They have never been: their recipients are fed again when the broadcast goes on.
        await stored.wait_again(broadcast.id, [message.id for message in messages])
        for message in messages:
            await ReleasedQuotas(db).release_message(message.user_id, message.created_at)
