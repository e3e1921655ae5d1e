"""A message on its way: from what was composed to its row, and from its row to what a worker is asked."""

from datetime import UTC, datetime

import msgspec

from control_plane.messages.chat_ids import phone_of
from control_plane.messages.composing import Composed
from control_plane.messages.files.media import media_of_sent
from control_plane.messages.models import Message
from control_plane.messages.receiving.storing import plain
from control_plane.sessions.models import Session
from shared.contracts.commands import SendWish
from shared.contracts.messages import PlainContent, Quoted, StoredFile
from shared.ids import new_uuid


def row_of(session: Session, composed: Composed) -> Message:
    return Message(
        id=new_uuid(),
        user_id=session.user_id,
        session_id=session.id,
        direction="outbound",
        type=composed.kind,
        chat_id=composed.chat,
        sender=f"{session.phone}@s.whatsapp.net" if session.phone else "",
        recipient=composed.chat,
        phone=phone_of(composed.chat),
        text=composed.text,
        content=plain(composed.content),
        reply_to=plain(composed.reply_to) if composed.reply_to is not None else None,
        mentions=list(composed.mentions),
        forwarded=composed.forwarded,
        status="queued",
        ack=0,
        attempts=0,
        epoch=session.epoch,
        history=False,
        media=media_of_sent(composed.content) if isinstance(composed.content, StoredFile) else None,
        created_at=datetime.now(UTC),
    )


def content_of(message: Message) -> PlainContent:
    content: PlainContent = msgspec.convert(message.content, PlainContent, strict=False)
    return content


def wish_of(message: Message) -> SendWish:
    """At the epoch and with the number of the attempt that the row says."""
    quoted = msgspec.convert(message.reply_to, Quoted) if message.reply_to else None
    return SendWish(
        epoch=message.epoch or 0,
        message_id=str(message.id),
        attempt=message.attempts,
        recipient=message.recipient,
        content=content_of(message),
        reply_to=quoted,
        mentions=tuple(message.mentions or ()),
        forwarded=message.forwarded,
    )
