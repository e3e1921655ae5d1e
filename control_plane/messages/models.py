"""Messages, and the narrow table that keeps any of them from being stored twice."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, SmallInteger, literal_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, BelongsToUser, HasCreationTime, HasId

WORDS: ColumnElement[Any] = literal_column("to_tsvector('simple', coalesce(text, ''))")
# As the index has them: with the session as one more word, so that those of others are not read.
WORDS_OF_SESSION: ColumnElement[Any] = literal_column(
    "(array_to_tsvector(ARRAY['s:' || session_id::text]) || to_tsvector('simple', coalesce(text, '')))"
)
# What is done to other messages: it moves no chat to the top, and nobody reads it.
NO_NEWS = frozenset({"reaction", "edit", "revoke", "poll_vote"})
UNREAD: ColumnElement[Any] = literal_column("direction = 'inbound' AND read_at IS NULL AND NOT history")


def _in(*statuses: str) -> ColumnElement[Any]:
    named = ", ".join(f"'{status}'" for status in statuses)
    return literal_column(f"status IN ({named})" if len(statuses) > 1 else f"status = {named}")


class Message(HasId, BelongsToUser, HasCreationTime, Base):
    __tablename__ = "messages"
    __table_args__ = (
        Index(None, "session_id", "created_at", "id"),
        Index(None, "session_id", "whatsapp_message_id"),
        Index("ix_messages_text", WORDS_OF_SESSION, postgresql_using="gin"),
        Index(
            "ix_messages_of_contact",
            "session_id",
            "contact_id",
            "created_at",
            "id",
            postgresql_where=literal_column("contact_id IS NOT NULL"),
        ),
        Index(
            "ix_messages_of_group",
            "session_id",
            "chat_id",
            "created_at",
            "id",
            postgresql_where=literal_column("contact_id IS NULL"),
        ),
        Index("ix_messages_unread", "session_id", "contact_id", "chat_id", postgresql_where=UNREAD),
        Index("ix_messages_queued", "session_id", "lane", "place", postgresql_where=_in("queued")),
        Index("ix_messages_sending", "session_id", postgresql_where=_in("sending")),
        Index("ix_messages_scheduled", "send_at", postgresql_where=_in("scheduled")),
        Index("ix_messages_expiring", "expires_at", postgresql_where=_in("queued", "scheduled")),
        Index("ix_messages_awaits_journal", "id", postgresql_where=literal_column("awaits_journal")),
        # By month: an id begins with its moment, so it says in which of them its row lies.
        {"postgresql_partition_by": "RANGE (id)"},
    )

    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    # inbound or outbound; what the owner wrote on the phone is outbound as well.
    direction: Mapped[str] = mapped_column(server_default="")
    type: Mapped[str] = mapped_column(server_default="")
    chat_id: Mapped[str] = mapped_column(server_default="")
    # The other person of a chat of two, whichever of their names `chat_id` is.
    contact_id: Mapped[uuid.UUID | None]
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
    # Its place in the queue of its session: which goes first, and in which order those of one lane came.
    lane: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    place: Mapped[int] = mapped_column(BigInteger, server_default="0")
    attempts: Mapped[int] = mapped_column(server_default="0", default=0)
    attempted_at: Mapped[datetime | None]
    send_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    typing_seconds: Mapped[int] = mapped_column(SmallInteger, server_default="0", default=0)
    # The worker that tried it could not be asked yet how that ended.
    awaits_journal: Mapped[bool] = mapped_column(server_default="false", default=False)
    broadcast_id: Mapped[uuid.UUID | None]
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
    # It tells how old the key is.
    message_id: Mapped[uuid.UUID] = mapped_column(index=True)
