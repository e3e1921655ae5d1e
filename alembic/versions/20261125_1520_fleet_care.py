"""Care for the fleet: what probes of sessions found, drains that outlive a worker, credentials that end.

Revision: 20261125_1520, after 20261125_1250
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from control_plane.db.row_security import tenant_table

revision = "20261125_1520"
down_revision = "20261125_1250"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_ID = postgresql.UUID(as_uuid=True)

# The tables belong to whoever prepared the store, which may be another login than ours: a right that is
# missing must not keep a session from being deleted. The fence lets through what writes as its owner, and
# the epoch stays as it is: from here on nobody has this device.
_FORGET_DEVICE = """
CREATE FUNCTION whatsapp_store.forget_device(session text, device text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = whatsapp_store, pg_temp AS $$
DECLARE
    present bigint;
    dropped bigint := 0;
BEGIN
    IF device IS NULL OR to_regclass('whatsapp_store.whatsmeow_device') IS NULL THEN
        RETURN false;
    END IF;
    SELECT epoch INTO present FROM fences WHERE session_id = session;
    IF present IS NULL THEN
        RETURN false;
    END IF;
    PERFORM set_config('waypost.session_id', session, true), set_config('waypost.epoch', present::text, true);
    BEGIN
        EXECUTE 'DELETE FROM whatsmeow_device WHERE jid = $1' USING device;
        GET DIAGNOSTICS dropped = ROW_COUNT;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE WARNING 'waypost: no right to drop credentials of session %; prepare the store anew', session;
    END;
    PERFORM set_config('waypost.session_id', '', true), set_config('waypost.epoch', '', true);
    RETURN dropped > 0;
END $$
"""

# As before, but for the right of the schema's owner to drop devices.
_ATTACH = """
CREATE OR REPLACE FUNCTION whatsapp_store.attach_fences() RETURNS integer
    LANGUAGE plpgsql SET search_path = whatsapp_store, pg_temp AS $$
DECLARE
    found record;
    attached integer := 0;
BEGIN
    FOR found IN
        SELECT c.oid, c.relname FROM pg_class c
        WHERE c.relnamespace = 'whatsapp_store'::regnamespace
            AND c.relkind = 'r' AND c.relname LIKE 'whatsmeow\\_%'
    LOOP
        EXECUTE format('GRANT SELECT ON %I TO waypost_engine', found.relname);
        CONTINUE WHEN found.relname = 'whatsmeow_version';
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %I TO waypost_engine', found.relname);
        IF NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = found.oid AND t.tgname = 'fence') THEN
            EXECUTE format(
                'CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON %I'
                ' FOR EACH STATEMENT EXECUTE FUNCTION check_fence()', found.relname);
            attached := attached + 1;
        END IF;
    END LOOP;
    IF to_regclass('whatsapp_store.whatsmeow_device') IS NOT NULL THEN
        EXECUTE format('GRANT SELECT, DELETE ON whatsmeow_device TO %s', (
            SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'whatsapp_store'));
    END IF;
    RETURN attached;
END $$
"""

# With the session go its credentials; then its fence, so that whatever its client still writes is refused.
_FORGETS = "PERFORM whatsapp_store.forget_device(OLD.id::text, OLD.device_jid);"
_END_SESSION = """
CREATE OR REPLACE FUNCTION end_session() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM whatsapp_store.forget_device(OLD.id::text, OLD.device_jid);
    DELETE FROM whatsapp_store.fences WHERE session_id = OLD.id::text;
    IF OLD.worker_id IS NOT NULL THEN
        PERFORM pg_notify('waypost_nudges', OLD.worker_id);
    END IF;
    RETURN NULL;
END $$
"""
_END_SESSION_BEFORE = _END_SESSION.replace(_FORGETS, "")


def upgrade() -> None:
    op.add_column("workers", sa.Column("drain_wanted", sa.Boolean, nullable=False, server_default="false"))
    op.add_column("sessions", sa.Column("qr_codes", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column(
        "sessions", sa.Column("worker_labels", postgresql.JSONB, nullable=False, server_default="{}")
    )
    op.add_column("events", sa.Column("sandbox", sa.Boolean, nullable=False, server_default="false"))
    op.create_table(
        "session_probes",
        sa.Column("session_id", _ID, sa.ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", _ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("probed_at", _TIME, nullable=False),
        sa.Column("answered", sa.Boolean, nullable=False),
        sa.Column("milliseconds", sa.Float, nullable=False, server_default="0"),
        sa.Column("probes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("unanswered", sa.BigInteger, nullable=False, server_default="0"),
    )
    for statement in [
        *tenant_table("session_probes", app="SELECT"),
        _FORGET_DEVICE,
        "REVOKE ALL ON FUNCTION whatsapp_store.forget_device FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION whatsapp_store.forget_device TO waypost_system",
        _ATTACH,
        _END_SESSION,
    ]:
        op.execute(statement)


def downgrade() -> None:
    op.execute(_END_SESSION_BEFORE)
    op.execute("DROP FUNCTION whatsapp_store.forget_device")
    op.drop_table("session_probes")
    op.drop_column("events", "sandbox")
    op.drop_column("sessions", "worker_labels")
    op.drop_column("sessions", "qr_codes")
    op.drop_column("workers", "drain_wanted")
