"""What travels over the wire for messages."""

from datetime import datetime
from typing import Any

import msgspec

from control_plane.accounts.schemas import Answer
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.models import Message
from shared.contracts.messages import FileKind
from shared.ids import public_id

_WAITING = frozenset({"queued", "scheduled"})
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
    """In a chat of two, `contactId`, `phone` and `lid` are those of the other person, whoever wrote it; in a
    group, `phone` and `lid` are its writer's. Each is told as soon as it is known, of earlier messages too.
    """

    id: str
    session_id: str
    whatsapp_message_id: str | None
    direction: str
    type: str
    chat_id: str
    sender: str = msgspec.field(name="from")
    to: str
    contact_id: str | None
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
    broadcast_id: str | None
    history: bool
    created_at: datetime
    send_at: datetime | None
    expires_at: datetime | None
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
            contact_id=public_id("con", message.contact_id) if message.contact_id is not None else None,
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
            broadcast_id=public_id("bro", message.broadcast_id) if message.broadcast_id is not None else None,
            history=message.history,
            created_at=message.created_at,
            send_at=message.send_at,
            expires_at=message.expires_at if message.status in _WAITING else None,
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
    """Without the key by which the network's copy of a file is opened: whoever has it can read that.

    Nor with where our own copy lies, which is nobody's business.
    """
    return without_places(message.content)


def without_places(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in {"ticket", "key"}}


def quoted_view(message: Message) -> QuotedView | None:
    told = message.reply_to
    if not told:
        return None
    return QuotedView(whatsapp_message_id=told["whatsapp_id"], sender=told["sender"], text=told["text"])
