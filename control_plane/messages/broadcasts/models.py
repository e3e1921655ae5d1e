"""Broadcasts, whom each of them is for, and the people who want none."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, literal_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, BelongsToUser, HasCreationTime, HasId
from control_plane.db.claims import HasClaim


class BroadcastStatus(StrEnum):
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


OVER = frozenset({BroadcastStatus.DONE, BroadcastStatus.CANCELLED})


class Broadcast(HasClaim, BelongsToUser, HasCreationTime, Base):
    """Due when something is to be fed or told; never, while its owner holds it back and when it is over.

    `attempts` counts in a row those steps that failed.
    """

    __tablename__ = "broadcasts"
    __table_args__ = (Index(None, "due_at"), Index(None, "session_id", "created_at", "id"))

    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(server_default="")
    kind: Mapped[str] = mapped_column(server_default="")
    # Of its messages; a file lies once in the storage, for all of them.
    content: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    media: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    mentions: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    typing_seconds: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[str] = mapped_column(server_default="")
    status_reason: Mapped[str | None]
    # By its owner, who alone lets it go on.
    held: Mapped[bool] = mapped_column(server_default="false")
    send_at: Mapped[datetime | None]
    # After this moment nothing more of it goes out.
    expires_at: Mapped[datetime | None]
    per_minute: Mapped[int | None]
    recipients: Mapped[int] = mapped_column(server_default="0")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    # What its owner was told last, and when.
    told: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    told_at: Mapped[datetime | None]


class BroadcastRecipient(HasCreationTime, BelongsToUser, Base):
    """Its status is its message's, from the moment it has one: a trigger sees to that.

    So it stays true, and can be counted, when messages are removed because they are old.
    """

    __tablename__ = "broadcast_recipients"
    __table_args__ = (
        Index(None, "broadcast_id", "status", "id"),
        Index(
            "uq_broadcast_recipients_message_id",
            "message_id",
            unique=True,
            postgresql_where=literal_column("message_id IS NOT NULL"),
        ),
    )

    broadcast_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("broadcasts.id", ondelete="CASCADE"), primary_key=True
    )
    # In the order in which they were given.
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    # Its place in the list that was given.
    position: Mapped[int] = mapped_column(server_default="0")
    chat_id: Mapped[str] = mapped_column(server_default="")
    variables: Mapped[dict[str, str]] = mapped_column(JSONB, server_default="{}")
    # waiting and skipped, beside those of messages.
    status: Mapped[str] = mapped_column(server_default="waiting")
    error: Mapped[str | None]
    message_id: Mapped[uuid.UUID | None]


class OptOut(HasId, BelongsToUser, HasCreationTime, Base):
    """Somebody who wants no broadcasts of this account, by any session; the sandbox has its own people."""

    __tablename__ = "opt_outs"
    __table_args__ = (
        UniqueConstraint("user_id", "sandbox", "phone"),
        UniqueConstraint("user_id", "sandbox", "lid"),
        Index(None, "user_id", "created_at", "id"),
    )

    sandbox: Mapped[bool] = mapped_column(server_default="false")
    phone: Mapped[str | None]
    lid: Mapped[str | None]
    reason: Mapped[str] = mapped_column(server_default="")
