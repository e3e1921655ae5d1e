"""The WhatsApp credential store: a schema, a role and a fence around tables that the client library makes.

Revision: 20261121_0940, after 20261121_0800

The library makes its own tables (`python -m worker prepare-store`, as their owner); `attach_fences()` then
puts the trigger on each of them and lets the engines' role read and write, but own nothing.
"""

from alembic import op
from control_plane.db.row_security import create_role

revision = "20261121_0940"
down_revision = "20261121_0800"
branch_labels = None
depends_on = None

# The row of the fence is locked for share until the writer's transaction ends: a take-over raises the epoch
# either before the check or after the commit, never between them. The count of refusals is a sequence,
# because nothing else outlives the rollback of the transaction that is refused.
_CHECK = """
CREATE FUNCTION whatsapp_store.check_fence() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = whatsapp_store, pg_temp AS $$
DECLARE
    writer text := NULLIF(current_setting('waypost.session_id', true), '');
    mine text := NULLIF(current_setting('waypost.epoch', true), '');
    current_epoch bigint;
BEGIN
    IF writer IS NULL THEN
        -- Maintenance by the owner of the tables; an engine always says whose writer it is.
        IF current_setting('role') <> 'waypost_engine'
            AND pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
        THEN
            RETURN NULL;
        END IF;
    ELSE
        SELECT epoch INTO current_epoch FROM fences WHERE session_id = writer FOR SHARE;
        IF current_epoch = mine::bigint THEN
            RETURN NULL;
        END IF;
    END IF;
    PERFORM nextval('fence_refusals');
    RAISE EXCEPTION 'waypost: this writer (session %, epoch %) does not own the session',
        COALESCE(writer, 'unknown'), COALESCE(mine, 'unknown')
        USING ERRCODE = 'WP001';
END $$
"""

_ATTACH = """
CREATE FUNCTION whatsapp_store.attach_fences() RETURNS integer
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
    RETURN attached;
END $$
"""


def upgrade() -> None:
    for statement in (
        create_role("waypost_engine"),
        "CREATE SCHEMA whatsapp_store",
        "GRANT USAGE ON SCHEMA whatsapp_store TO waypost_engine, waypost_system",
        """CREATE TABLE whatsapp_store.fences (
            session_id text PRIMARY KEY,
            epoch bigint NOT NULL CHECK (epoch >= 0),
            raised_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )""",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON whatsapp_store.fences TO waypost_system",
        "CREATE SEQUENCE whatsapp_store.fence_refusals",
        "GRANT SELECT ON whatsapp_store.fence_refusals TO waypost_system",
        _CHECK,
        _ATTACH,
    ):
        op.execute(statement)


def downgrade() -> None:
    # Refused while there are credentials: this would log every session out.
    op.execute("""
        DO $$ DECLARE devices bigint := 0; BEGIN
            IF to_regclass('whatsapp_store.whatsmeow_device') IS NOT NULL THEN
                EXECUTE 'SELECT count(*) FROM whatsapp_store.whatsmeow_device' INTO devices;
            END IF;
            IF devices > 0 THEN
                RAISE EXCEPTION 'the store holds % paired devices; log them out before', devices;
            END IF;
        END $$
    """)
    op.execute("DROP SCHEMA whatsapp_store CASCADE")
