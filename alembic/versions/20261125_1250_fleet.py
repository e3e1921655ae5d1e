"""The fleet: workers and their leases, sessions and their owners, the event log, messages.

Revision: 20261125_1250, after 20261121_0940
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from control_plane.db.row_security import system_table, tenant_table

revision = "20261125_1250"
down_revision = "20261121_0940"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")
_TIME = sa.DateTime(timezone=True)
_ID = postgresql.UUID(as_uuid=True)
_JSON = postgresql.JSONB


def _created() -> "sa.Column[object]":
    return sa.Column("created_at", _TIME, nullable=False, server_default=_NOW)


def _owner() -> "sa.Column[object]":
    return sa.Column("user_id", _ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


def _session() -> "sa.Column[object]":
    return sa.Column("session_id", _ID, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False)


def _text(name: str, default: str | None = None, **more: object) -> "sa.Column[object]":
    if default is None:
        return sa.Column(name, sa.String, **more)  # type: ignore[arg-type]
    return sa.Column(name, sa.String, nullable=False, server_default=default)


# A worker that reaches the database and no control plane keeps its lease by this: for an outage of the
# control plane, not for a broken link. The row is the one that the sweeper locks. A third of a lease of
# silence is enough: replicas beat far oftener, and clients end themselves at four fifths of it.
_RENEW_LEASE = """
CREATE FUNCTION whatsapp_store.renew_lease(worker text, mine bigint)
    RETURNS TABLE (session_id text, epoch bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    held workers%ROWTYPE;
BEGIN
    SELECT * INTO held FROM workers WHERE id = worker FOR UPDATE;
    IF NOT FOUND OR held.incarnation <> mine OR held.retired_at IS NOT NULL THEN
        RAISE EXCEPTION 'waypost: this incarnation no longer owns anything' USING ERRCODE = 'WP002';
    END IF;
    IF EXISTS (
        SELECT FROM api_replicas r WHERE r.beat_at > moment - make_interval(secs => held.lease_seconds / 3)
    ) THEN
        RAISE EXCEPTION 'waypost: the control plane runs; renew there' USING ERRCODE = 'WP002';
    END IF;
    IF held.heartbeat_at < moment - make_interval(secs => 60) THEN
        RAISE EXCEPTION 'waypost: the last heartbeat is too old' USING ERRCODE = 'WP002';
    END IF;
    UPDATE workers SET lease_until = moment + make_interval(secs => held.lease_seconds) WHERE id = worker;
    RETURN QUERY SELECT s.id::text, s.epoch FROM sessions s
        WHERE s.worker_id = worker AND s.wanted = 'run';
END $$
"""


# However a session ends, by its owner or with the whole account: what its client still writes is refused from
# the commit on, and its worker hears of it at once.
_END_SESSION = """
CREATE FUNCTION end_session() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM whatsapp_store.fences WHERE session_id = OLD.id::text;
    IF OLD.worker_id IS NOT NULL THEN
        PERFORM pg_notify('waypost_nudges', OLD.worker_id);
    END IF;
    RETURN NULL;
END $$
"""

# Readers go by (xid, position) and stay below the oldest transaction that runs. One that began early and
# waited for a session may write after a younger one: its event takes the place behind what the session told
# before. Both become readable at the same moment, so that nothing is skipped by it.
_ORDER_EVENT = """
CREATE FUNCTION order_event() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.xid := GREATEST(pg_current_xact_id(), (
        SELECT e.xid FROM events e WHERE e.session_id = NEW.session_id ORDER BY e.sequence DESC LIMIT 1
    ));
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.String, primary_key=True),
        _text("endpoint", ""),
        _text("version", ""),
        _text("environment", ""),
        _text("store", "postgres"),
        sa.Column("sandbox", sa.Boolean, nullable=False, server_default="false"),
        # What it says of itself, and what an admin says of it, which counts more.
        sa.Column("capacity", sa.Integer, nullable=False, server_default="0"),
        sa.Column("capacity_override", sa.Integer),
        sa.Column("weight", sa.Float, nullable=False, server_default="1"),
        sa.Column("labels", _JSON, nullable=False, server_default="{}"),
        sa.Column("incarnation", sa.BigInteger, nullable=False, server_default="0"),
        _text("token_key_id", ""),
        sa.Column("lease_seconds", sa.Float, nullable=False, server_default="15"),
        sa.Column("lease_until", _TIME),
        # The incarnation's end: swept, proven dead or replaced. What it saw before is still taken.
        sa.Column("retired_at", _TIME),
        _text("retired_reason"),
        sa.Column("draining", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("registered_at", _TIME),
        sa.Column("heartbeat_at", _TIME),
        sa.Column("cpu", sa.Float, nullable=False, server_default="0"),
        sa.Column("memory", sa.Float, nullable=False, server_default="0"),
        sa.Column("uptime", sa.Float, nullable=False, server_default="0"),
        sa.Column("counts", _JSON, nullable=False, server_default="{}"),
        sa.Column("spooled", sa.Integer, nullable=False, server_default="0"),
        sa.Column("restarts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        _created(),
    )
    op.create_index("ix_workers_lease_until", "workers", ["lease_until"])
    op.create_table(
        "join_tokens",
        sa.Column("id", _ID, primary_key=True),
        _text("name", ""),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        _created(),
        sa.Column("expires_at", _TIME),
        sa.Column("revoked_at", _TIME),
        sa.Column("last_used_at", _TIME),
    )
    op.create_table(
        "fleet_events",
        sa.Column("id", _ID, primary_key=True),
        _created(),
        _text("worker_id", ""),
        _text("kind", ""),
        sa.Column("details", _JSON, nullable=False, server_default="{}"),
    )
    op.create_index("ix_fleet_events_worker_id_created_at", "fleet_events", ["worker_id", "created_at"])
    op.create_table(
        "repairs",
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("last_at", _TIME, nullable=False, server_default=_NOW),
    )
    op.create_table(
        "api_replicas",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("started_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("beat_at", _TIME, nullable=False, server_default=_NOW),
    )
    op.create_table(
        "spools",
        sa.Column("id", sa.String, primary_key=True),
        _text("worker_id", ""),
        sa.Column("position", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("updated_at", _TIME, nullable=False, server_default=_NOW),
    )
    _sessions()
    _log()
    _messages()
    for statement in [
        *system_table("workers"),
        *system_table("join_tokens"),
        *system_table("fleet_events"),
        *system_table("repairs"),
        *system_table("api_replicas"),
        *system_table("spools"),
        *tenant_table("sessions"),
        *tenant_table("session_owners", app="SELECT"),
        *tenant_table("session_changes", app="SELECT"),
        *tenant_table("pairings", app="SELECT"),
        *tenant_table("events", app="SELECT"),
        *tenant_table("messages", app="SELECT, INSERT, UPDATE"),
        *tenant_table("message_keys", app="SELECT"),
        _END_SESSION,
        "CREATE TRIGGER ended AFTER DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION end_session()",
        _RENEW_LEASE,
        "REVOKE ALL ON FUNCTION whatsapp_store.renew_lease FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION whatsapp_store.renew_lease TO waypost_engine",
    ]:
        op.execute(statement)


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", _ID, primary_key=True),
        _owner(),
        _created(),
        _text("name", ""),
        _text("description", ""),
        sa.Column("sandbox", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("is_primary", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("metadata", _JSON, nullable=False, server_default="{}"),
        _text("device_name", "Waypost"),
        sa.Column("sealed_proxy", sa.LargeBinary),
        # What the owner wants: run or stop.
        _text("wanted", "stop"),
        _text("pairing_phone"),
        # What is seen.
        _text("status", "disconnected"),
        _text("status_reason", "created"),
        _text("status_detail", ""),
        sa.Column("status_at", _TIME, nullable=False, server_default=_NOW),
        # Who runs it.
        sa.Column("worker_id", sa.String, sa.ForeignKey("workers.id", ondelete="SET NULL")),
        sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("assigned_at", _TIME),
        _text("store", "postgres"),
        sa.Column("moving_to", sa.String),
        sa.Column("comebacks", sa.Integer, nullable=False, server_default="0"),
        sa.Column("start_after", _TIME),
        # Who it is.
        _text("device_jid"),
        _text("phone"),
        _text("lid"),
        _text("display_name"),
        sa.Column("connected_at", _TIME),
        sa.Column("last_activity_at", _TIME),
        sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("expiry_told_at", _TIME),
        sa.UniqueConstraint("user_id", "name"),
    )
    op.create_index("ix_sessions_user_id_created_at_id", "sessions", ["user_id", "created_at", "id"])
    for column in ("worker_id", "status_at", "assigned_at"):
        op.create_index(f"ix_sessions_{column}", "sessions", [column])
    op.create_index(
        "uq_sessions_primary", "sessions", ["user_id"], unique=True, postgresql_where=sa.text("is_primary")
    )
    op.create_table(
        "session_owners",
        _session(),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        _owner(),
        sa.Column("worker_id", sa.String, nullable=False),
        sa.Column("incarnation", sa.BigInteger, nullable=False),
        sa.Column("assigned_at", _TIME, nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("session_id", "epoch"),
    )
    op.create_table(
        "session_changes",
        sa.Column("id", _ID, primary_key=True),
        _owner(),
        _session(),
        _created(),
        _text("before", ""),
        _text("after", ""),
        _text("reason", ""),
        _text("detail", ""),
        _text("worker_id"),
        sa.Column("epoch", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "ix_session_changes_session_id_created_at_id",
        "session_changes",
        ["session_id", "created_at", "id"],
    )
    op.create_table(
        "pairings",
        sa.Column("session_id", _ID, sa.ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
        _owner(),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, server_default="0"),
        _text("qr"),
        sa.Column("qr_expires_at", _TIME),
        _text("code"),
        sa.Column("code_expires_at", _TIME),
    )


def _log() -> None:
    op.create_table(
        "events",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", _ID, nullable=False, unique=True),
        _owner(),
        sa.Column("session_id", _ID),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        _text("type", ""),
        sa.Column("data", _JSON, nullable=False),
        _created(),
    )
    op.execute("ALTER TABLE events ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.execute("CREATE INDEX ix_events_user_id_xid_position ON events (user_id, xid, position)")
    op.execute("CREATE INDEX ix_events_xid_position ON events (xid, position)")
    op.create_index("ix_events_session_id_sequence", "events", ["session_id", "sequence"])
    op.execute(_ORDER_EVENT)
    op.execute("CREATE TRIGGER ordered BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION order_event()")


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", _ID, primary_key=True),
        _owner(),
        _session(),
        _created(),
        _text("direction", ""),
        _text("type", ""),
        _text("chat_id", ""),
        _text("sender", ""),
        _text("recipient", ""),
        _text("phone"),
        _text("lid"),
        _text("text"),
        sa.Column("content", _JSON, nullable=False, server_default="{}"),
        _text("whatsapp_message_id"),
        _text("status", ""),
        sa.Column("ack", sa.Integer, nullable=False, server_default="0"),
        _text("error"),
        sa.Column("epoch", sa.BigInteger),
        sa.Column("history", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("sent_at", _TIME),
        sa.Column("delivered_at", _TIME),
        sa.Column("read_at", _TIME),
    )
    op.create_index("ix_messages_session_id_created_at_id", "messages", ["session_id", "created_at", "id"])
    op.create_index("ix_messages_user_id", "messages", ["user_id"])
    # Senders choose the ids, so the sender belongs to the key.
    op.create_table(
        "message_keys",
        _session(),
        _text("chat_id", ""),
        _text("sender", ""),
        _text("direction", ""),
        _text("whatsapp_message_id", ""),
        _owner(),
        sa.Column("message_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("session_id", "chat_id", "sender", "direction", "whatsapp_message_id"),
    )
    op.create_index("ix_message_keys_user_id", "message_keys", ["user_id"])


def downgrade() -> None:
    op.execute("DROP FUNCTION whatsapp_store.renew_lease")
    for table in (
        "message_keys",
        "messages",
        "events",
        "pairings",
        "session_changes",
        "session_owners",
        "sessions",
        "spools",
        "api_replicas",
        "repairs",
        "fleet_events",
        "join_tokens",
        "workers",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION order_event")
    op.execute("DROP FUNCTION end_session")
