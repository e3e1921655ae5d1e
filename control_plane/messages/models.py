"""Messages, and the narrow table that keeps any of them from being stored twice."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, literal_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, BelongsToUser, HasCreationTime, HasId

# As the index has them.
WORDS: ColumnElement[Any] = literal_column("to_tsvector('simple', coalesce(text, ''))")


class Message(HasId, BelongsToUser, HasCreationTime, Base):
    __tablename__ = "messages"
    __table_args__ = (
        Index(None, "session_id", "created_at", "id"),
        Index(None, "session_id", "whatsapp_message_id"),
        Index("ix_messages_text", WORDS, postgresql_using="gin"),
    )

    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    # inbound or outbound; what the owner wrote on the phone is outbound as well.
    direction: Mapped[str] = mapped_column(server_default="")
    type: Mapped[str] = mapped_column(server_default="")
    chat_id: Mapped[str] = mapped_column(server_default="")
    sender: Mapped[str] = mapped_column(server_default="")
    recipient: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str | None]
    lid: Mapped[str | None]
    text: Mapped[str | None]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # What it answers: the network's id, who wrote that, and what the reader sees of it.
    reply_to: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    mentions: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    forwarded: Mapped[bool] = mapped_column(server_default="false")
    # How its writer calls themselves.
    push_name: Mapped[str | None]
    whatsapp_message_id: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="")
    ack: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None]
    # The owner's at the time of the attempt.
    epoch: Mapped[int | None] = mapped_column(BigInteger)
    history: Mapped[bool] = mapped_column(server_default="false")
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    # Of its file: where it is kept, or why it is not.
    media: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    edited_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class MessageKey(BelongsToUser, Base):
    """Senders choose the ids, so the sender belongs to the key."""

    __tablename__ = "message_keys"

    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    chat_id: Mapped[str] = mapped_column(primary_key=True, server_default="")
    sender: Mapped[str] = mapped_column(primary_key=True, server_default="")
    direction: Mapped[str] = mapped_column(primary_key=True, server_default="")
    whatsapp_message_id: Mapped[str] = mapped_column(primary_key=True, server_default="")
    message_id: Mapped[uuid.UUID]
