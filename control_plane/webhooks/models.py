"""Endpoints that customers name, each with its place in the event log, and what became of each delivery."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Uuid,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, BelongsToUser, HasCreationTime, HasId
from control_plane.db.claims import HasClaim


class Webhook(HasClaim, BelongsToUser, HasCreationTime, Base):
    """Held by one process at a time while it delivers. `xid` and `position`: up to there the log was read."""

    __tablename__ = "webhooks"
    __table_args__ = (
        Index(None, "due_at"),
        # To find those whose process has died.
        Index(None, "claimed_until", postgresql_where=literal_column("claimed_until IS NOT NULL")),
    )

    url: Mapped[str] = mapped_column(server_default="")
    description: Mapped[str] = mapped_column(server_default="")
    # None stands for all.
    types: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    session_ids: Mapped[list[uuid.UUID] | None] = mapped_column(ARRAY(Uuid))
    # Made with a test key: it is told of sandbox sessions and of nothing else.
    only_sandbox: Mapped[bool] = mapped_column(server_default="false")
    sealed_headers: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    # After a rotation both sign, until this one's time is over.
    sealed_old_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_secret_until: Mapped[datetime | None]
    # For receivers that know the older way of signing.
    sealed_hmac_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    enabled: Mapped[bool] = mapped_column(server_default="true")
    # owner, gone or failing.
    disabled_reason: Mapped[str | None]
    disabled_at: Mapped[datetime | None]
    xid: Mapped[int] = mapped_column(BigInteger, server_default="0")
    position: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # Something was taken after failures then: what was last tried before is due again.
    recovered_at: Mapped[datetime | None]
    # Since then nothing was taken.
    failing_since: Mapped[datetime | None]
    delivered: Mapped[int] = mapped_column(BigInteger, server_default="0")
    failed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    last_delivered_at: Mapped[datetime | None]


class WebhookDelivery(HasId, BelongsToUser, HasCreationTime, Base):
    """One event for one endpoint, from its first attempt on. What it carries is read from the log."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(None, "webhook_id", "created_at", "id"),
        Index(
            "uq_webhook_deliveries_event",
            "webhook_id",
            "event_id",
            unique=True,
            postgresql_where=literal_column("NOT replay"),
        ),
        Index(
            "ix_webhook_deliveries_pending",
            "webhook_id",
            "due_at",
            postgresql_where=literal_column("status = 'pending'"),
        ),
        # What waits for one session, in the order of the log; what belongs to the account is under zero.
        Index(
            "ix_webhook_deliveries_lane",
            "webhook_id",
            literal_column("coalesce(session_id, '00000000-0000-0000-0000-000000000000'::uuid)"),
            "xid",
            "position",
            "id",
            postgresql_where=literal_column("status = 'pending'"),
        ),
    )

    webhook_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event_id: Mapped[uuid.UUID]
    # The event's place in the log, which is also its order; of a test ping there is none.
    xid: Mapped[int] = mapped_column(BigInteger, server_default="0")
    position: Mapped[int] = mapped_column(BigInteger, server_default="0")
    session_id: Mapped[uuid.UUID | None]
    type: Mapped[str] = mapped_column(server_default="")
    # pending, delivered, or failed: nobody tries it again by itself.
    status: Mapped[str] = mapped_column(server_default="pending")
    replay: Mapped[bool] = mapped_column(server_default="false")
    attempts: Mapped[int] = mapped_column(server_default="0", default=0)
    # Of the schedule; tries that come before their time leave it where it is.
    step: Mapped[int] = mapped_column(SmallInteger, server_default="0", default=0)
    # When it is to be tried (again).
    due_at: Mapped[datetime | None]
    first_attempt_at: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    # Of the last attempt; nothing where no answer came.
    status_code: Mapped[int | None]
    error: Mapped[str | None]
    # Each attempt: at, statusCode, error, milliseconds, response (its beginning).
    tries: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
