"""Broadcasts, and who wants none.

Revision: 20261130_2300, after 20261130_2250
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from control_plane.db.row_security import tenant_table

revision = "20261130_2300"
down_revision = "20261130_2250"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_ID = postgresql.UUID(as_uuid=True)
_NOW = sa.text("clock_timestamp()")
_TABLES = ("broadcasts", "broadcast_recipients", "opt_outs")

# Whoever writes what became of a message: its recipient's row says the same, in the same transaction.
_FOLLOW = """
CREATE FUNCTION follow_broadcast_message() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE broadcast_recipients SET status = NEW.status, error = NEW.error
        WHERE broadcast_id = NEW.broadcast_id AND message_id = NEW.id;
    -- It was being sent when its owner stopped the broadcast, and did not leave: now it is to be taken back.
    IF OLD.status = 'sending' AND NEW.status = 'queued' THEN
        UPDATE broadcasts SET due_at = clock_timestamp()
            WHERE id = NEW.broadcast_id AND (held OR status = 'cancelled');
    END IF;
    RETURN NULL;
END $$
"""
# Messages go because they are old or were erased; what is left counts, and says nothing of anybody.
_FORGET = """
CREATE FUNCTION forget_broadcast_recipient() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE broadcast_recipients SET chat_id = '', variables = '{}'
        WHERE broadcast_id = OLD.broadcast_id AND message_id = OLD.id;
    RETURN NULL;
END $$
"""
# As a message does with a file of its own.
_TAKE_FILE = """
CREATE TRIGGER file_taken AFTER INSERT ON broadcasts FOR EACH ROW
WHEN (NEW.media->>'key' LIKE 'sessions/%/out/%') EXECUTE FUNCTION take_outgoing_file()
"""


def _of(table: str, **options: bool) -> "sa.Column[object]":
    reference = sa.ForeignKey(f"{table}s.id", ondelete="CASCADE")
    return sa.Column(f"{table}_id", _ID, reference, nullable=False, **options)


def _text(name: str, default: str = "") -> "sa.Column[object]":
    return sa.Column(name, sa.String, nullable=False, server_default=default)


def _json(name: str, default: str = "{}") -> "sa.Column[object]":
    return sa.Column(name, postgresql.JSONB, nullable=False, server_default=default)


def _number(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _created() -> "sa.Column[object]":
    return sa.Column("created_at", _TIME, nullable=False, server_default=_NOW)


def upgrade() -> None:
    op.create_table(
        "broadcasts",
        sa.Column("id", _ID, primary_key=True),
        _created(),
        _of("user"),
        _of("session"),
        sa.Column("due_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("claim_token", _ID),
        sa.Column("claimed_until", _TIME),
        _number("attempts"),
        _text("name"),
        _text("kind"),
        _json("content"),
        sa.Column("media", postgresql.JSONB),
        _json("mentions", "[]"),
        _number("typing_seconds"),
        _text("status"),
        sa.Column("status_reason", sa.String),
        sa.Column("held", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("send_at", _TIME),
        sa.Column("expires_at", _TIME),
        sa.Column("per_minute", sa.Integer),
        _number("recipients"),
        sa.Column("started_at", _TIME),
        sa.Column("finished_at", _TIME),
        _json("told"),
        sa.Column("told_at", _TIME),
    )
    op.create_index("ix_broadcasts_due_at", "broadcasts", ["due_at"])
    op.create_index(
        "ix_broadcasts_session_id_created_at_id", "broadcasts", ["session_id", "created_at", "id"]
    )
    op.create_table(
        "broadcast_recipients",
        _of("broadcast", primary_key=True),
        sa.Column("id", _ID, primary_key=True),
        _created(),
        _of("user"),
        _number("position"),
        _text("chat_id"),
        _json("variables"),
        _text("status", "waiting"),
        sa.Column("error", sa.String),
        sa.Column("message_id", _ID),
    )
    op.create_index(
        "ix_broadcast_recipients_broadcast_id_status_id",
        "broadcast_recipients",
        ["broadcast_id", "status", "id"],
    )
    op.create_index(
        "uq_broadcast_recipients_message_id",
        "broadcast_recipients",
        ["message_id"],
        unique=True,
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    op.create_table(
        "opt_outs",
        sa.Column("id", _ID, primary_key=True),
        _created(),
        _of("user"),
        sa.Column("sandbox", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("phone", sa.String),
        sa.Column("lid", sa.String),
        _text("reason"),
        sa.UniqueConstraint("user_id", "sandbox", "phone"),
        sa.UniqueConstraint("user_id", "sandbox", "lid"),
    )
    op.create_index("ix_opt_outs_user_id_created_at_id", "opt_outs", ["user_id", "created_at", "id"])
    for table in _TABLES:
        op.create_index(f"ix_{table}_user_id", table, ["user_id"])
        for statement in tenant_table(table):
            op.execute(statement)
    # Without a foreign key: both go with their session alone.
    op.add_column("messages", sa.Column("broadcast_id", _ID))
    for function in (_FOLLOW, _FORGET, _TAKE_FILE):
        op.execute(function)
    op.execute(
        "CREATE TRIGGER broadcast_followed AFTER UPDATE OF status ON messages FOR EACH ROW"
        " WHEN (NEW.broadcast_id IS NOT NULL AND NEW.status <> OLD.status)"
        " EXECUTE FUNCTION follow_broadcast_message()"
    )
    op.execute(
        "CREATE TRIGGER broadcast_forgotten AFTER DELETE ON messages FOR EACH ROW"
        " WHEN (OLD.broadcast_id IS NOT NULL) EXECUTE FUNCTION forget_broadcast_recipient()"
    )


def downgrade() -> None:
    for trigger, function in (
        ("broadcast_followed", "follow_broadcast_message"),
        ("broadcast_forgotten", "forget_broadcast_recipient"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON messages")
        op.execute(f"DROP FUNCTION {function}()")
    op.drop_column("messages", "broadcast_id")
    for table in reversed(_TABLES):
        op.drop_table(table)
