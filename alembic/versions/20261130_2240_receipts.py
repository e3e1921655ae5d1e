"""Who of a group has got, read or played a message; who has reacted to it, and who has voted.

Revision: 20261130_2240, after 20261130_2230
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from control_plane.db.row_security import tenant_table

revision = "20261130_2240"
down_revision = "20261130_2230"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")
_TIME = sa.DateTime(timezone=True)
_ID = postgresql.UUID(as_uuid=True)
_TABLES = ("message_receipts", "early_receipts", "message_responses")


def _common() -> "tuple[sa.Column[object], ...]":
    return (
        sa.Column("id", _ID, primary_key=True),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("user_id", _ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("session_id", _ID, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    )


def _text(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.String, nullable=False, server_default="")


def upgrade() -> None:
    op.create_table(
        "message_receipts",
        *_common(),
        # Without a foreign key: messages go by whole months.
        sa.Column("message_id", _ID, nullable=False),
        _text("reader"),
        sa.Column("phone", sa.String),
        sa.Column("lid", sa.String),
        sa.Column("delivered_at", _TIME),
        sa.Column("read_at", _TIME),
        sa.Column("played_at", _TIME),
        sa.UniqueConstraint("message_id", "reader"),
    )
    op.create_table(
        "early_receipts",
        *_common(),
        _text("chat_id"),
        _text("whatsapp_message_id"),
        _text("reader"),
        _text("kind"),
        sa.Column("phone", sa.String),
        sa.Column("lid", sa.String),
        sa.Column("at", _TIME, nullable=False),
        sa.UniqueConstraint("session_id", "whatsapp_message_id", "reader", "kind"),
    )
    op.create_index("ix_early_receipts_session_id_created_at", "early_receipts", ["session_id", "created_at"])
    op.create_table(
        "message_responses",
        *_common(),
        _text("chat_id"),
        _text("target_id"),
        _text("kind"),
        _text("sender"),
        sa.Column("phone", sa.String),
        sa.Column("value", postgresql.JSONB, nullable=False, server_default="{}"),
        sa.Column("at", _TIME, nullable=False),
        sa.UniqueConstraint("session_id", "target_id", "chat_id", "kind", "sender"),
    )
    for table in _TABLES:
        op.create_index(f"ix_{table}_user_id", table, ["user_id"])
        # Only workers tell of them; tenants read.
        for statement in tenant_table(table, app="SELECT"):
            op.execute(statement)
    op.create_index("ix_message_receipts_session_id", "message_receipts", ["session_id"])


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
