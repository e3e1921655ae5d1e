"""Notes every write to the store of credentials that was committed, and at which epoch its writer was."""

from tests.fleet.tables import Tables

_TABLE = """
CREATE TABLE whatsapp_store.audit (
    at timestamptz NOT NULL DEFAULT clock_timestamp(), session_id text, epoch bigint, written text
)
"""
# Whatever the rights of who writes.
_NOTE = """
CREATE FUNCTION whatsapp_store.note_write() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = whatsapp_store, pg_temp AS $$
BEGIN
    INSERT INTO audit (session_id, epoch, written) VALUES (
        current_setting('waypost.session_id', true),
        NULLIF(current_setting('waypost.epoch', true), '')::bigint,
        TG_OP || ' ' || TG_TABLE_NAME
    );
    RETURN NULL;
END $$
"""
_ATTACH = """
DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT relname FROM pg_class WHERE relnamespace = 'whatsapp_store'::regnamespace
        AND relkind = 'r' AND relname LIKE 'whatsmeow\\_%'
    LOOP
        EXECUTE format('CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON whatsapp_store.%I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION whatsapp_store.note_write()', found.relname);
    END LOOP;
END $$
"""
# The next owner is noted in the transaction that raises the fence.
_LATE = """
SELECT a.session_id, a.epoch, a.written FROM whatsapp_store.audit a WHERE EXISTS (
    SELECT FROM session_owners o
    WHERE o.session_id::text = a.session_id AND o.epoch > a.epoch AND o.assigned_at < a.at
)
"""
_WRITERS = "SELECT DISTINCT epoch FROM whatsapp_store.audit ORDER BY epoch"
_REFUSALS = (
    "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS count FROM whatsapp_store.fence_refusals"
)


class StoreAudit:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def begin(self) -> None:
        for statement in (_TABLE, _NOTE, _ATTACH):
            await self._tables.ask(statement)

    async def late_writes(self) -> list[tuple[str, int, str]]:
        """By those whose session somebody else had taken over before."""
        return [tuple(row) for row in await self._tables.ask(_LATE)]

    async def epochs(self) -> list[int]:
        """Of everybody who has written."""
        return [row["epoch"] for row in await self._tables.ask(_WRITERS)]

    async def refusals(self) -> int:
        """How often the fence has held."""
        (row,) = await self._tables.ask(_REFUSALS)
        count: int = row["count"]
        return count
