"""Whom a session writes with, and where: people under all of their names, and the chats in their order."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, literal_column
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, BelongsToUser, HasCreationTime, HasId

OF_TWO: ColumnElement[Any] = literal_column("contact_id IS NOT NULL")
OF_MANY: ColumnElement[Any] = literal_column("contact_id IS NULL")


class Contact(HasId, BelongsToUser, HasCreationTime, Base):
    """Somebody has a number and a name that hides it (`lid`); of a stranger only one of them may be known.

    Known from what this session has seen itself, and from nothing else.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        UniqueConstraint("session_id", "phone"),
        UniqueConstraint("session_id", "lid"),
        Index(None, "session_id", "created_at", "id"),
    )

    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    # With a plus in front.
    phone: Mapped[str | None]
    # A whole address: 12345@lid.
    lid: Mapped[str | None]
    # How they call themselves.
    push_name: Mapped[str | None]
    # Two that turned out to be one: its id still leads to the other.
    merged_into: Mapped[uuid.UUID | None]


class Chat(HasId, BelongsToUser, Base):
    """With a contact or, without one, under its address. It stands where its last message was written."""

    __tablename__ = "chats"
    __table_args__ = (
        Index("uq_chats_contact", "session_id", "contact_id", unique=True, postgresql_where=OF_TWO),
        Index("uq_chats_address", "session_id", "chat_id", unique=True, postgresql_where=OF_MANY),
        Index(None, "session_id", "last_message_at", "id"),
    )

    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    contact_id: Mapped[uuid.UUID | None]
    chat_id: Mapped[str] = mapped_column(server_default="")
    # Old messages are removed, the last one as well.
    last_message_id: Mapped[uuid.UUID]
    last_message_at: Mapped[datetime]
