"""What is done to messages that are there already: edits, deletions, reactions, votes."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.messages.models import Message
from control_plane.messages.receiving.outside import searchable, short
from control_plane.messages.receiving.responses import note_response
from control_plane.messages.repository import StoredMessages
from shared.contracts.messages import Edit, PollVote, Reaction, Record, Revoke

# The events of those that are no news of their own.
EVENTS = {"reaction": "message.reaction", "edit": "message.edited", "revoke": "message.revoked"}


async def apply_change(db: AsyncSession, change: Message, content: Record, at: datetime) -> Message | None:
    """The message that it concerns, changed if its author may; None when it is not known here."""
    if not isinstance(content, Edit | Revoke | Reaction | PollVote):
        return None
    key = content.poll if isinstance(content, PollVote) else content.target
    target = await StoredMessages(db).named(change, short(key.whatsapp_id))
    if isinstance(content, Reaction | PollVote):
        # Also where its target is not here: it may come later.
        await note_response(db, change, content, target, at)
    if target is None:
        return None
    if isinstance(content, Edit) and _is_author(change, target):
        target.text, target.edited_at = searchable(content.text), at
        field = "text" if target.type == "text" else "caption"
        target.content = {**target.content, field: content.text}
    elif isinstance(content, Revoke) and (_is_author(change, target) or change.chat_id.endswith("@g.us")):
        target.revoked_at = at
    return target


def _is_author(change: Message, target: Message) -> bool:
    if change.direction != target.direction:
        return False
    return change.direction == "outbound" or change.sender == target.sender
