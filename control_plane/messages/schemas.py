"""What travels over the wire for messages."""

from datetime import datetime
from typing import Any

import msgspec

from control_plane.accounts.schemas import Answer
from control_plane.messages.media import MediaLinks
from control_plane.messages.models import Message
from shared.contracts.messages import FileKind
from shared.ids import public_id

_WITH_FILES = frozenset(kind.value for kind in FileKind)


class MediaView(Answer):
    """Of the message's file: `status` is pending until it is kept, or it is known that it never will be."""

    status: str
    content_type: str | None
    size: int | None
    sha256: str | None
    file_name: str | None
    url: str | None
    expires_at: datetime | None
    error: str | None
    detail: str | None


class QuotedView(Answer):
    """What a message answers; `from` is empty where that is what the session itself wrote."""

    whatsapp_message_id: str
    sender: str = msgspec.field(name="from")
    text: str


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
    reply_to: QuotedView | None
    mentions: list[str]
    forwarded: bool
    push_name: str | None
    status: str
    ack: int
    error: str | None
    history: bool
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    edited_at: datetime | None
    revoked_at: datetime | None
    media: MediaView | None

    @classmethod
    def of(cls, message: Message, links: MediaLinks) -> "MessageView":
        return cls(
            media=media_view(message, links),
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
            content=shown_content(message),
            reply_to=quoted_view(message),
            mentions=message.mentions or [],
            forwarded=bool(message.forwarded),
            push_name=message.push_name,
            status=message.status,
            ack=message.ack,
            error=message.error,
            history=message.history,
            created_at=message.created_at,
            sent_at=message.sent_at,
            delivered_at=message.delivered_at,
            read_at=message.read_at,
            edited_at=message.edited_at,
            revoked_at=message.revoked_at,
        )


def media_view(message: Message, links: MediaLinks) -> MediaView | None:
    if message.type not in _WITH_FILES:
        return None
    told, link = message.media or {}, links.link(message)
    return MediaView(
        status="kept" if link is not None else "failed" if told else "pending",
        content_type=told.get("contentType") or message.content.get("mimetype"),
        size=told.get("size") or message.content.get("size"),
        sha256=told.get("sha256"),
        file_name=message.content.get("file_name") or None,
        url=link.path if link is not None else None,
        expires_at=link.expires_at if link is not None else None,
        error=told.get("error"),
        detail=told.get("detail"),
    )


def shown_content(message: Message) -> dict[str, Any]:
    """Without the key by which the network's copy of a file is opened: whoever has it can read that."""
    return {name: value for name, value in message.content.items() if name != "ticket"}


def quoted_view(message: Message) -> QuotedView | None:
    told = message.reply_to
    if not told:
        return None
    return QuotedView(whatsapp_message_id=told["whatsapp_id"], sender=told["sender"], text=told["text"])
