"""What travels over the wire for messages."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from control_plane.accounts.schemas import Answer, Body
from control_plane.messages.models import Message
from shared.ids import public_id


class SendBody(Body):
    to: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]
    type: Annotated[str, msgspec.Meta(pattern="^text$")] = "text"


class MessageView(Answer):
    id: str
    session_id: str
    whatsapp_message_id: str | None
    direction: str
    type: str
    chat_id: str
    sender: str = msgspec.field(name="from")
    to: str
    phone: str | None
    lid: str | None
    text: str | None
    content: dict[str, Any]
    status: str
    ack: int
    error: str | None
    history: bool
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None

    @classmethod
    def of(cls, message: Message) -> "MessageView":
        return cls(
            id=public_id("msg", message.id),
            session_id=public_id("ses", message.session_id),
            whatsapp_message_id=message.whatsapp_message_id,
            direction=message.direction,
            type=message.type,
            chat_id=message.chat_id,
            sender=message.sender,
            to=message.recipient,
            phone=message.phone,
            lid=message.lid,
            text=message.text,
            content=message.content,
            status=message.status,
            ack=message.ack,
            error=message.error,
            history=message.history,
            created_at=message.created_at,
            sent_at=message.sent_at,
            delivered_at=message.delivered_at,
            read_at=message.read_at,
        )
