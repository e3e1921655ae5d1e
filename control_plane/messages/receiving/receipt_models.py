"""What others do with a message: they get it, read it, react to it, vote in it."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, BelongsToUser, HasCreationTime, HasId


class MessageReceipt(HasId, BelongsToUser, HasCreationTime, Base):
    """Of one reader in a group: the message itself only tells how far the first of them has come."""

    __tablename__ = "message_receipts"
    __table_args__ = (UniqueConstraint("message_id", "reader"),)

    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    message_id: Mapped[uuid.UUID]
    reader: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str | None]
    lid: Mapped[str | None]
    delivered_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    played_at: Mapped[datetime | None]


class EarlyReceipt(HasId, BelongsToUser, HasCreationTime, Base):
    """For a message that is not known to be sent yet; kept for a while."""

    __tablename__ = "early_receipts"
    __table_args__ = (
        UniqueConstraint("session_id", "whatsapp_message_id", "reader", "kind"),
        Index(None, "session_id", "created_at"),
    )

    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    chat_id: Mapped[str] = mapped_column(server_default="")
    whatsapp_message_id: Mapped[str] = mapped_column(server_default="")
    reader: Mapped[str] = mapped_column(server_default="")
    kind: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str | None]
    lid: Mapped[str | None]
    at: Mapped[datetime]


class MessageResponse(HasId, BelongsToUser, HasCreationTime, Base):
    """The latest reaction or vote of each person, by the network's name of what it is about: that may
    come later than its answers."""

    __tablename__ = "message_responses"
    __table_args__ = (UniqueConstraint("session_id", "target_id", "chat_id", "kind", "sender"),)

    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    chat_id: Mapped[str] = mapped_column(server_default="")
    target_id: Mapped[str] = mapped_column(server_default="")
    # reaction or poll_vote
    kind: Mapped[str] = mapped_column(server_default="")
    # Empty where it was ourselves.
    sender: Mapped[str] = mapped_column(server_default="")
    # The other person's number, in a chat of two.
    phone: Mapped[str | None]
    value: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    at: Mapped[datetime]
