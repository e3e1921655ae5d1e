"""The event log: one table, ordered for each session by its sequence, and for readers by (xid, position)."""

import uuid
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, HasCreationTime
from control_plane.db.transaction_id import TransactionId


class LoggedEvent(HasCreationTime, Base):
    """A row becomes visible at its commit: readers stay below the oldest transaction that still runs."""

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "user_id", "xid", "position"),
        Index(None, "xid", "position"),
        Index(None, "session_id", "sequence"),
    )

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(unique=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    # Without a foreign key: what happened to a session is told after its end as well.
    session_id: Mapped[uuid.UUID | None]
    sequence: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(server_default="")
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    # Of a sandbox session: test keys read these and no others.
    sandbox: Mapped[bool] = mapped_column(server_default="false")
    xid: Mapped[str] = mapped_column(TransactionId, server_default=func.pg_current_xact_id())
