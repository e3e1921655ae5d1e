"""Messages that a client told: each is stored once, whoever tells it again."""

import re
import uuid
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.messages.contacts.identity import key_names, meet, place
from control_plane.messages.models import Message
from control_plane.messages.receiving.outside import moment, searchable, short
from control_plane.messages.receiving.placeholders import UNDECRYPTABLE, KnownMessages, replaced
from control_plane.messages.repository import StoredMessages
from control_plane.messages.schemas import quoted_view, shown_content
from control_plane.sessions.models import Session
from shared.contracts.messages import Edit, ReceivedContent, ReceivedFile, ReceivedMessage, Text, Unknown
from shared.contracts.told import Told, Undecryptable
from shared.ids import new_uuid, public_id

STATUSES = {0: "received", 1: "sent", 2: "delivered", 3: "read", 4: "played"}
_PLAYED = 4
# As JSON writes it; after an even number of backslashes, or it is a text about it.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


async def store_received(
    db: AsyncSession, session: Session, told: ReceivedMessage, *, history: bool = False
) -> Message | None:
    """None when it is here already."""
    direction = "outbound" if told.from_me else "inbound"
    contact = await meet(db, session, told)
    chat, sender = await key_names(db, session, told, contact)
    message_id = new_uuid()
    claimed = await StoredMessages(db).claim_key(
        session_id=session.id,
        chat_id=chat,
        sender=sender,
        direction=direction,
        whatsapp_message_id=short(told.whatsapp_id),
        user_id=session.user_id,
        message_id=message_id,
    )
    if not claimed:
        known = await KnownMessages(db).of_key(session.id, chat, sender, direction, short(told.whatsapp_id))
        row = _row(session, told, new_uuid(), history=history)
        return known if known is not None and replaced(known, row) else None
    message = _row(session, told, message_id, history=history)
    db.add(message)
    await place(db, message, contact)
    await db.flush()
    return message


async def store_undecryptable(db: AsyncSession, session: Session, told: Undecryptable) -> Message | None:
    """In the place of the message that may come yet; None when it, or its place, is here already."""
    names = ("whatsapp_id", "chat", "sender", "timestamp", "from_me", "chat_phone", "push_name")
    fields: dict[str, Any] = {name: getattr(told, name) for name in (*names, "sender_phone", "sender_lid")}
    content = Unknown(name=UNDECRYPTABLE)
    message = await store_received(db, session, ReceivedMessage(content=content, **fields))
    if message is not None:
        message.type, message.content = UNDECRYPTABLE, {"withheld": told.withheld}
    return message


def _row(session: Session, told: ReceivedMessage, message_id: uuid.UUID, *, history: bool) -> Message:
    direction, content = "outbound" if told.from_me else "inbound", told.content
    kind = content.kind.value if isinstance(content, ReceivedFile) else content.__struct_config__.tag
    kind = "contact" if kind == "contacts" else kind
    ack = max(1, min(told.ack, _PLAYED)) if told.from_me else 0
    return Message(
        id=message_id,
        user_id=session.user_id,
        session_id=session.id,
        direction=direction,
        type=str(kind),
        chat_id=told.chat,
        sender=told.sender,
        recipient=told.chat if told.from_me else session.phone or "",
        phone=told.chat_phone or told.sender_phone or None,
        lid=told.sender_lid or None,
        text=searchable(_words_of(content)),
        content=plain(content),
        reply_to=plain(told.reply_to) if told.reply_to is not None else None,
        mentions=list(told.mentions),
        forwarded=told.forwarded,
        push_name=told.push_name or None,
        whatsapp_message_id=short(told.whatsapp_id),
        status=STATUSES[ack],
        ack=ack,
        epoch=session.epoch,
        history=history,
        created_at=moment(told.timestamp),
        sent_at=moment(told.timestamp) if told.from_me else None,
    )


def _words_of(content: ReceivedContent) -> str | None:
    return content.text if isinstance(content, Text | Edit) else getattr(content, "caption", None)


async def store_key_of_sent(db: AsyncSession, message: Message) -> None:
    """So that its echo, and its copy in the history, are known."""
    await StoredMessages(db).claim_key(
        session_id=message.session_id,
        chat_id=short(message.chat_id),
        sender="",
        direction="outbound",
        whatsapp_message_id=short(message.whatsapp_message_id or ""),
        user_id=message.user_id,
        message_id=message.id,
    )


def event_data(message: Message) -> dict[str, Any]:
    return {
        "id": public_id("msg", message.id),
        "whatsappMessageId": message.whatsapp_message_id,
        "direction": message.direction,
        "type": message.type,
        "chatId": message.chat_id,
        "from": message.sender,
        "to": message.recipient,
        "contactId": public_id("con", message.contact_id) if message.contact_id is not None else None,
        "phone": message.phone,
        "lid": message.lid,
        "text": message.text,
        "content": shown_content(message),
        "replyTo": msgspec.to_builtins(quoted_view(message)),
        "mentions": message.mentions or [],
        "forwarded": bool(message.forwarded),
        "pushName": message.push_name,
        "status": message.status,
        "ack": message.ack,
        "timestamp": message.created_at.isoformat(),
    }


def storable(told: Told) -> Told:
    """Without the one sign that PostgreSQL refuses: a stranger's word must not hold up all that follow."""
    raw = msgspec.json.encode(told)
    if b"\\u0000" not in raw:
        return told
    plain: Told = msgspec.json.decode(_NUL.sub(rb"\1\\ufffd", raw), type=Told)
    return plain


def plain(content: Any) -> dict[str, Any]:
    """Bytes as base64."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(content))
    return plain
