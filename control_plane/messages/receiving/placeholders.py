"""A message that is told once more, better than before: read at last, or live after it came as history."""

import uuid

from sqlalchemy import select

from control_plane.db.tenancy import SystemRepository
from control_plane.messages.models import Message, MessageKey

UNDECRYPTABLE = "undecryptable"
_FILLED = ("type", "content", "text", "reply_to", "mentions", "forwarded", "push_name")


class KnownMessages(SystemRepository):
    async def of_key(
        self, session_id: uuid.UUID, chat: str, sender: str, direction: str, whatsapp_id: str
    ) -> Message | None:
        """Locked; None where only its key is left."""
        query = (
            select(Message)
            .join(MessageKey, MessageKey.message_id == Message.id)
            .where(
                MessageKey.session_id == session_id,
                MessageKey.chat_id == chat,
                MessageKey.sender == sender,
                MessageKey.direction == direction,
                MessageKey.whatsapp_message_id == whatsapp_id,
            )
            .with_for_update(of=Message)
        )
        return (await self.session.scalars(query)).first()


def replaced(known: Message, told: Message) -> bool:
    """Whether it is news: the same row with the same id, so that nothing that names it loses it.

    What came as history was told to nobody, and whoever waits for it live would wait in vain.
    """
    shut, live = known.type == UNDECRYPTABLE, known.history and not told.history
    is_no_better = told.type == "unknown" and told.content.get("name") == UNDECRYPTABLE
    if is_no_better or not (shut or live):
        return False
    edited = known.text if known.edited_at is not None else None
    for name in _FILLED:
        setattr(known, name, getattr(told, name))
    if edited is not None:
        known.text = edited
        known.content = {**known.content, "text" if known.type == "text" else "caption": edited}
    known.history = known.history and told.history
    return True
