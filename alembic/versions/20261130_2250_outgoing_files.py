"""Files that go out: the message that takes one strikes off its removal, in the transaction that stores it.

Revision: 20261130_2250, after 20261130_2240
"""

from alembic import op

revision = "20261130_2250"
down_revision = "20261130_2240"
branch_labels = None
depends_on = None

# The removal was noted under the id that the file's key ends with, before the file was put down.
_TAKE_FILE = """
CREATE FUNCTION take_outgoing_file() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM file_removals
        WHERE id = split_part(NEW.media->>'key', '/out/', 2)::uuid AND user_id = NEW.user_id;
    RETURN NULL;
END $$
"""
_WHEN = "NEW.direction = 'outbound' AND NEW.media->>'key' LIKE 'sessions/%/out/%'"


def upgrade() -> None:
    op.execute(_TAKE_FILE)
    op.execute(
        "CREATE TRIGGER file_taken AFTER INSERT ON messages"
        f" FOR EACH ROW WHEN ({_WHEN}) EXECUTE FUNCTION take_outgoing_file()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER file_taken ON messages")
    op.execute("DROP FUNCTION take_outgoing_file()")
