"""Outboxes: one for each session, held by one process at a time while it sends what waits there."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, BelongsToUser
from control_plane.db.claims import HasClaim


class Outbox(HasClaim, BelongsToUser, Base):
    __tablename__ = "outboxes"

    # The session's.
    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True)
    # Counts what was accepted: the place of each message in the order of its session.
    accepted: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # Something in it waits for its session; connecting wakes it.
    waiting: Mapped[bool] = mapped_column(server_default="false")
    paused_until: Mapped[datetime | None]
    pause_reason: Mapped[str | None]
    # In a row; each lasts longer than the one before.
    pauses: Mapped[int] = mapped_column(server_default="0")
    # Before this moment nothing of a broadcast goes out.
    bulk_at: Mapped[datetime | None]
