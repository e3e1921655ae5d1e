"""Sessions: what their owner wants, what is seen of them, who runs them and who they are."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, HasCreationTime, HasId
from shared.session_state import Reason, SessionState


class Wanted(StrEnum):
    """By the owner. LOG_OUT: the client is to tell the phone, and then to stop."""

    RUN = "run"
    STOP = "stop"
    LOG_OUT = "log_out"


# As the goal of a move: whoever is best when its client has stopped.
ANYWHERE = "*"


class Session(HasId, HasCreationTime, Base):
    """`epoch` is raised at each assignment."""

    __tablename__ = "sessions"
    __table_args__ = (
        UniqueConstraint("user_id", "name"),
        Index(None, "user_id", "created_at", "id"),
        Index(None, "status_at"),
        Index(None, "assigned_at"),
        Index("uq_sessions_primary", "user_id", unique=True, postgresql_where=literal_column("is_primary")),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(server_default="")
    description: Mapped[str] = mapped_column(server_default="")
    sandbox: Mapped[bool] = mapped_column(server_default="false")
    is_primary: Mapped[bool] = mapped_column(server_default="false")
    # The attribute of that name belongs to the mapper.
    labels: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, server_default="{}")
    # Of the workers that it would rather run on.
    worker_labels: Mapped[dict[str, str]] = mapped_column(JSONB, server_default="{}")
    device_name: Mapped[str] = mapped_column(server_default="Waypost")
    sealed_proxy: Mapped[bytes | None] = mapped_column(LargeBinary)
    wanted: Mapped[Wanted] = mapped_column(String, server_default=Wanted.STOP)
    pairing_phone: Mapped[str | None]
    status: Mapped[SessionState] = mapped_column(String, server_default="disconnected")
    status_reason: Mapped[Reason] = mapped_column(String, server_default="created")
    status_detail: Mapped[str] = mapped_column(server_default="")
    status_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    worker_id: Mapped[str | None] = mapped_column(ForeignKey("workers.id", ondelete="SET NULL"), index=True)
    epoch: Mapped[int] = mapped_column(BigInteger, server_default="0")
    assigned_at: Mapped[datetime | None]
    store: Mapped[str] = mapped_column(server_default="postgres")
    moving_to: Mapped[str | None]
    # A client that its dying predecessor has thrown out: how often, and when it is to be started again.
    comebacks: Mapped[int] = mapped_column(server_default="0")
    start_after: Mapped[datetime | None]
    device_jid: Mapped[str | None]
    phone: Mapped[str | None]
    lid: Mapped[str | None]
    display_name: Mapped[str | None]
    connected_at: Mapped[datetime | None]
    last_activity_at: Mapped[datetime | None]
    sequence: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # How many codes were shown for it, ever.
    qr_codes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # When its owner was told that it will be deleted, because nobody uses it.
    expiry_told_at: Mapped[datetime | None]


class SessionOwner(Base):
    """Who owned a session at each epoch: what it saw then is taken from it, however late."""

    __tablename__ = "session_owners"

    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    worker_id: Mapped[str]
    incarnation: Mapped[int] = mapped_column(BigInteger)
    assigned_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class SessionChange(HasId, HasCreationTime, Base):
    """The timeline."""

    __tablename__ = "session_changes"
    __table_args__ = (Index(None, "session_id", "created_at", "id"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    before: Mapped[str] = mapped_column(server_default="")
    after: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str] = mapped_column(server_default="")
    detail: Mapped[str] = mapped_column(server_default="")
    worker_id: Mapped[str | None]
    epoch: Mapped[int] = mapped_column(BigInteger)


class Pairing(Base):
    """The short-lived mailbox of codes: what stands here is what may be shown, until it expires."""

    __tablename__ = "pairings"

    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    epoch: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int] = mapped_column(server_default="0")
    qr: Mapped[str | None]
    qr_expires_at: Mapped[datetime | None]
    code: Mapped[str | None]
    code_expires_at: Mapped[datetime | None]


class SessionProbe(Base):
    """What the last look at its client found, and how often nothing was answered."""

    __tablename__ = "session_probes"

    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    epoch: Mapped[int] = mapped_column(BigInteger)
    probed_at: Mapped[datetime]
    answered: Mapped[bool]
    milliseconds: Mapped[float] = mapped_column(server_default="0")
    probes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    unanswered: Mapped[int] = mapped_column(BigInteger, server_default="0")
