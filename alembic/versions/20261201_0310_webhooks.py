"""Webhooks: endpoints with their places in the event log, and their deliveries.

Revision: 20261201_0310, after 20261201_0240
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from control_plane.db.row_security import tenant_table

revision = "20261201_0310"
down_revision = "20261201_0240"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_ID = postgresql.UUID(as_uuid=True)
_NOW = sa.text("clock_timestamp()")


def _user() -> sa.Column[object]:
    return sa.Column("user_id", _ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _flag(name: str, default: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=default)


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", _ID, primary_key=True),
        _user(),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("due_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("claim_token", _ID),
        sa.Column("claimed_until", _TIME),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("url", sa.String, nullable=False, server_default=""),
        sa.Column("description", sa.String, nullable=False, server_default=""),
        sa.Column("types", sa.ARRAY(sa.String)),
        sa.Column("session_ids", sa.ARRAY(_ID)),
        _flag("only_sandbox", "false"),
        sa.Column("sealed_headers", sa.LargeBinary),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        sa.Column("sealed_old_secret", sa.LargeBinary),
        sa.Column("old_secret_until", _TIME),
        sa.Column("sealed_hmac_key", sa.LargeBinary),
        _flag("enabled", "true"),
        sa.Column("disabled_reason", sa.String),
        sa.Column("disabled_at", _TIME),
        _number("xid"),
        _number("position"),
        sa.Column("recovered_at", _TIME),
        sa.Column("failing_since", _TIME),
        _number("delivered"),
        _number("failed"),
        sa.Column("last_delivered_at", _TIME),
    )
    op.create_index("ix_webhooks_due_at", "webhooks", ["due_at"])
    op.create_index("ix_webhooks_user_id", "webhooks", ["user_id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", _ID, primary_key=True),
        _user(),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("webhook_id", _ID, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
        sa.Column("event_id", _ID, nullable=False),
        _number("xid"),
        _number("position"),
        sa.Column("session_id", _ID),
        sa.Column("type", sa.String, nullable=False, server_default=""),
        sa.Column("status", sa.String, nullable=False, server_default="pending"),
        _flag("replay", "false"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("step", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("due_at", _TIME),
        sa.Column("first_attempt_at", _TIME),
        sa.Column("last_attempt_at", _TIME),
        sa.Column("status_code", sa.Integer),
        sa.Column("error", sa.String),
        sa.Column("tries", postgresql.JSONB, nullable=False, server_default="[]"),
    )
    op.create_index("ix_webhook_deliveries_user_id", "webhook_deliveries", ["user_id"])
    op.create_index(
        "ix_webhook_deliveries_webhook_id_created_at_id",
        "webhook_deliveries",
        ["webhook_id", "created_at", "id"],
    )
    op.execute(
        "CREATE UNIQUE INDEX uq_webhook_deliveries_event ON webhook_deliveries (webhook_id, event_id)"
        " WHERE NOT replay"
    )
    op.execute(
        "CREATE INDEX ix_webhook_deliveries_pending ON webhook_deliveries (webhook_id, due_at)"
        " WHERE status = 'pending'"
    )
    op.execute(
        "CREATE INDEX ix_webhook_deliveries_lane ON webhook_deliveries (webhook_id,"
        " coalesce(session_id, '00000000-0000-0000-0000-000000000000'::uuid), xid, position, id)"
        " WHERE status = 'pending'"
    )
    op.execute(
        "CREATE INDEX ix_webhooks_claimed_until ON webhooks (claimed_until) WHERE claimed_until IS NOT NULL"
    )
    for table in ("webhooks", "webhook_deliveries"):
        for statement in tenant_table(table):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
