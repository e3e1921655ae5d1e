"""Messages that a client told: each is stored once, whoever tells it again."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.messages.models import Message
from control_plane.messages.repository import StoredMessages
from control_plane.messages.schemas import quoted_view, shown_content
from control_plane.sessions.models import Session
from shared.contracts.messages import Edit, ReceivedFile, ReceivedMessage, Text
from shared.contracts.told import ReceiptSeen, Told
from shared.ids import new_uuid, public_id

# What receipts say, in the order in which they may follow each other.
_ACKS = {"delivered": 2, "read": 3, "played": 4}
_STATUSES = {1: "sent", 2: "delivered", 3: "read", 4: "played"}
_LONGEST_KEY = 200
# As JSON writes it; after an even number of backslashes, or it is a text about it.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


async def store_received(
    db: AsyncSession, session: Session, told: ReceivedMessage, *, history: bool = False
) -> Message | None:
    """None when it is here already."""
    direction = "outbound" if told.from_me else "inbound"
    sender = "" if told.from_me else told.sender
    message_id = new_uuid()
    claimed = await StoredMessages(db).claim_key(
        session_id=session.id,
        chat_id=_short(told.chat),
        sender=_short(sender),
        direction=direction,
        whatsapp_message_id=_short(told.whatsapp_id),
        user_id=session.user_id,
        message_id=message_id,
    )
    if not claimed:
        return None
    content = told.content
    kind = content.kind.value if isinstance(content, ReceivedFile) else content.__struct_config__.tag
    kind = "contact" if kind == "contacts" else kind
    message = Message(
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
        text=content.text if isinstance(content, Text | Edit) else getattr(content, "caption", None),
        content=plain(content),
        reply_to=plain(told.reply_to) if told.reply_to is not None else None,
        mentions=list(told.mentions),
        forwarded=told.forwarded,
        push_name=told.push_name or None,
        whatsapp_message_id=told.whatsapp_id,
        status="sent" if told.from_me else "received",
        ack=1 if told.from_me else 0,
        epoch=session.epoch,
        history=history,
        created_at=_moment(told.timestamp),
        sent_at=_moment(told.timestamp) if told.from_me else None,
    )
    db.add(message)
    await db.flush()
    return message


async def store_key_of_sent(db: AsyncSession, message: Message) -> None:
    """So that its echo, and its copy in the history, are known."""
    await StoredMessages(db).claim_key(
        session_id=message.session_id,
        chat_id=_short(message.chat_id),
        sender="",
        direction="outbound",
        whatsapp_message_id=_short(message.whatsapp_message_id or ""),
        user_id=message.user_id,
        message_id=message.id,
    )


async def store_receipt(db: AsyncSession, session: Session, told: ReceiptSeen) -> Sequence[Message]:
    """The messages whose status has risen by it; it never falls."""
    ack = _ACKS.get(told.kind)
    if ack is None:
        return []
    risen = await StoredMessages(db).below(session.id, told.whatsapp_ids, ack)
    at = _moment(told.timestamp)
    for message in risen:
        message.ack, message.status = ack, _STATUSES[ack]
        message.delivered_at = message.delivered_at or at
        if ack >= _ACKS["read"]:
            message.read_at = message.read_at or at
    return risen


def event_data(message: Message) -> dict[str, Any]:
    return {
        "id": public_id("msg", message.id),
        "whatsappMessageId": message.whatsapp_message_id,
        "direction": message.direction,
        "type": message.type,
        "chatId": message.chat_id,
        "from": message.sender,
        "to": message.recipient,
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


def _short(name: str) -> str:
    """Senders may choose ids of any length; an index may not hold them."""
    if len(name) <= _LONGEST_KEY:
        return name
    return "sha256:" + hashlib.sha256(name.encode(errors="replace")).hexdigest()


def _moment(timestamp: int) -> datetime:
    """The library's are in seconds, except for those of messages, which are in milliseconds."""
    seconds = timestamp / 1000 if timestamp > 100_000_000_000 else timestamp
    try:
        return datetime.fromtimestamp(seconds, UTC) if timestamp > 0 else datetime.now(UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.now(UTC)
