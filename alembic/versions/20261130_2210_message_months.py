"""Messages lie in a partition for each month, erasures and the removal of files are work that is claimed.

Revision: 20261130_2210, after 20261125_1700

Ids begin with their moment, so a month is a range of ids: the id alone stays the key, and a look-up by it
touches one partition. The rows of before are copied, and nobody may write meanwhile: on a table of millions
this takes minutes.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from control_plane.db.row_security import system_table, tenant_table

revision = "20261130_2210"
down_revision = "20261125_1700"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")
_TIME = sa.DateTime(timezone=True)
_ID = postgresql.UUID(as_uuid=True)

_MONTH_START = """
CREATE FUNCTION message_month_start(month date) RETURNS uuid
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (lpad(to_hex(floor(
        extract(epoch FROM date_trunc('month', month::timestamp)) * 1000)::bigint), 12, '0')
        || repeat('0', 20))::uuid
$$
"""

# Attached, not made as a partition: that lets reading and writing go on. The tables that it refers to come
# first, as they do in every transaction that writes messages, so that none of them waits in a ring with us.
# What a wrong clock has put aside for that month is moved to where it belongs.
_MAKE_MONTH = """
CREATE FUNCTION make_message_month(month date) RETURNS boolean
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    part text := 'messages_' || to_char(month, 'YYYY_MM');
    low uuid := message_month_start(month);
    high uuid := message_month_start((month + interval '1 month')::date);
BEGIN
    IF to_regclass(part) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE users, sessions IN SHARE ROW EXCLUSIVE MODE;
    LOCK TABLE messages_other IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE messages INCLUDING DEFAULTS)', part);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format(
        'WITH moved AS (DELETE FROM messages_other WHERE id >= %L AND id < %L RETURNING *)'
        ' INSERT INTO %I SELECT * FROM moved', low, high, part);
    EXECUTE format('ALTER TABLE messages ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, low, high);
    RETURN true;
END $$
"""

# Nobody queues long behind it: it gives up before it is in the way, and comes again long before the month.
_ENSURE_MONTHS = """
CREATE FUNCTION ensure_message_months(ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    made integer := 0;
BEGIN
    FOR distance IN 0..least(greatest(ahead, 0), 24) LOOP
        made := made + make_message_month((date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')
            + make_interval(months => distance))::date)::integer;
    END LOOP;
    RETURN made;
END $$
"""

# Only what is empty: with a row would go the knowledge of its file.
_DROP_MONTHS = """
CREATE FUNCTION drop_message_months(before date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    part text;
    holds boolean;
    dropped integer := 0;
BEGIN
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'messages'::regclass AND c.relname ~ '^messages_[0-9]{4}_[0-9]{2}$'
            AND to_date(substr(c.relname, 10), 'YYYY_MM') + interval '1 month'
                <= least(before, (clock_timestamp() AT TIME ZONE 'UTC')::date)
        ORDER BY c.relname
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', part) INTO holds;
        CONTINUE WHEN holds;
        LOCK TABLE users, sessions, messages IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', part) INTO holds;
        CONTINUE WHEN holds;
        EXECUTE format('ALTER TABLE messages DETACH PARTITION %I', part);
        EXECUTE format('DROP TABLE %I', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$
"""

# The partitions belong to nobody but the schema's owner; who watches them asks by this.
_OUTSIDE = """
CREATE FUNCTION count_messages_outside_months() RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM (SELECT FROM messages_other LIMIT 100000) AS found
$$
"""

# Under row-level security a search for words may use no index: whatever is not proven to leak nothing is
# asked after the rules. So the owner asks, and names the tenant itself. The comparisons are written so that
# no other index is taken for them.
_WITH_WORDS = """
CREATE FUNCTION message_ids_with_words(session uuid, words text, most integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    SELECT id FROM messages
    WHERE (array_to_tsvector(ARRAY['s:' || session_id::text]) || to_tsvector('simple', coalesce(text, '')))
            @@ (websearch_to_tsquery('simple', words) && quote_literal('s:' || session)::tsquery)
        AND numnode(websearch_to_tsquery('simple', words)) > 0
        AND session_id IS NOT DISTINCT FROM session
        AND user_id IS NOT DISTINCT FROM NULLIF(current_setting('waypost.tenant', true), '')::uuid
    LIMIT most
$$
"""

# With a session go its files; a worker may just be putting down the last one.
_FILES_OF_SESSION = """
CREATE FUNCTION remove_files_of_session() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO file_removals (id, user_id, key, due_at) VALUES
        (gen_random_uuid(), OLD.user_id, 'sessions/' || OLD.id, clock_timestamp() + interval '10 minutes');
    RETURN NULL;
END $$
"""

_SEARCH = "message_ids_with_words(uuid, text, integer)"
_FUNCTIONS = (
    "ensure_message_months(integer)",
    "drop_message_months(date)",
    "count_messages_outside_months()",
)


def _closed(function: str) -> list[str]:
    return [
        f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {function} TO waypost_system",
    ]


def upgrade() -> None:
    for statement in (
        "LOCK TABLE users, sessions IN SHARE ROW EXCLUSIVE MODE",
        "LOCK TABLE messages IN ACCESS EXCLUSIVE MODE",
        "ALTER TABLE messages RENAME TO messages_before",
        "CREATE TABLE messages (LIKE messages_before INCLUDING DEFAULTS) PARTITION BY RANGE (id)",
        "CREATE TABLE messages_other PARTITION OF messages DEFAULT",
        "ALTER TABLE messages_other ENABLE ROW LEVEL SECURITY",
        _MONTH_START,
        _MAKE_MONTH,
        # From the month of the oldest id that tells one.
        """
        SELECT make_message_month(month::date) FROM generate_series(
            (SELECT date_trunc('month', coalesce(to_timestamp(
                    ('x' || substr(replace(min(id::text), '-', ''), 1, 12))::bit(48)::bigint / 1000.0
                ) AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'))
                FROM messages_before WHERE id >= message_month_start('2020-01-01')
                    AND id < message_month_start((now() + interval '1 month')::date)),
            date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months', interval '1 month') month
        """,
        "INSERT INTO messages SELECT * FROM messages_before",
        "DROP TABLE messages_before",
        "ANALYZE messages",
    ):
        op.execute(statement)
    _complete(
        "array_to_tsvector(ARRAY['s:' || session_id::text]) || to_tsvector('simple', coalesce(text, ''))"
    )
    op.create_index("ix_message_keys_message_id", "message_keys", ["message_id"])
    for statement in (_ENSURE_MONTHS, _DROP_MONTHS, _OUTSIDE, _WITH_WORDS):
        op.execute(statement)
    for function in _FUNCTIONS:
        for statement in _closed(function):
            op.execute(statement)
    op.execute("REVOKE ALL ON FUNCTION make_message_month(date) FROM PUBLIC")
    op.execute(f"REVOKE ALL ON FUNCTION {_SEARCH} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SEARCH} TO waypost_app")
    _work()


def _complete(words: str) -> None:
    """What the table of messages had before it was copied: keys, indexes, rules."""
    op.create_primary_key("pk_messages", "messages", ["id"])
    for column, table in (("user_id", "users"), ("session_id", "sessions")):
        op.create_foreign_key(
            f"fk_messages_{column}_{table}", "messages", table, [column], ["id"], ondelete="CASCADE"
        )
    op.create_index("ix_messages_session_id_created_at_id", "messages", ["session_id", "created_at", "id"])
    op.create_index("ix_messages_user_id", "messages", ["user_id"])
    op.create_index(
        "ix_messages_session_id_whatsapp_message_id", "messages", ["session_id", "whatsapp_message_id"]
    )
    op.execute(f"CREATE INDEX ix_messages_text ON messages USING gin (({words}))")
    for statement in tenant_table("messages", app="SELECT, INSERT, UPDATE"):
        op.execute(statement)


def _work() -> None:
    op.create_table(
        "file_removals",
        sa.Column("id", _ID, primary_key=True),
        *_claim(),
        # Without a foreign key: files outlive the account until they are gone.
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("key", sa.String, nullable=False, server_default=""),
    )
    op.create_index("ix_file_removals_due_at", "file_removals", ["due_at"])
    op.create_table(
        "erasures",
        sa.Column("id", _ID, primary_key=True),
        *_claim(),
        sa.Column("user_id", _ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("session_id", _ID, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
        sa.Column("chat_id", sa.String, nullable=False, server_default=""),
        sa.Column("up_to", _ID, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("messages", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("files", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("events", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("done_at", _TIME),
    )
    op.create_index("ix_erasures_due_at", "erasures", ["due_at"])
    op.create_index("ix_erasures_user_id", "erasures", ["user_id"])
    op.create_index("ix_erasures_session_id", "erasures", ["session_id"])
    for statement in (
        *system_table("file_removals"),
        *tenant_table("erasures", app="SELECT, INSERT"),
        _FILES_OF_SESSION,
        """CREATE TRIGGER files_removed AFTER DELETE ON sessions
            FOR EACH ROW EXECUTE FUNCTION remove_files_of_session()""",
    ):
        op.execute(statement)


def _claim() -> list["sa.Column[object]"]:
    return [
        sa.Column("due_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("claim_token", _ID),
        sa.Column("claimed_until", _TIME),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    ]


def downgrade() -> None:
    op.execute("DROP TRIGGER files_removed ON sessions")
    op.execute("DROP FUNCTION remove_files_of_session")
    op.drop_table("erasures")
    op.drop_table("file_removals")
    for function in (*_FUNCTIONS, _SEARCH, "make_message_month(date)"):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_index("ix_message_keys_message_id", "message_keys")
    for statement in (
        "LOCK TABLE users, sessions IN SHARE ROW EXCLUSIVE MODE",
        "LOCK TABLE messages IN ACCESS EXCLUSIVE MODE",
        "ALTER TABLE messages RENAME TO messages_by_month",
        "CREATE TABLE messages (LIKE messages_by_month INCLUDING DEFAULTS)",
        "INSERT INTO messages SELECT * FROM messages_by_month",
        "DROP TABLE messages_by_month",
        "DROP FUNCTION message_month_start(date)",
    ):
        op.execute(statement)
    _complete("to_tsvector('simple', coalesce(text, ''))")
