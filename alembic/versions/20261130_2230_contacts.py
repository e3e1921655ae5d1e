"""Whom a session writes with: one identity for a number and the name that hides it.

Revision: 20261130_2230, after 20261130_2220
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from control_plane.db.row_security import tenant_table

revision = "20261130_2230"
down_revision = "20261130_2220"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_ID = postgresql.UUID(as_uuid=True)
_PEOPLE = r"chat_id ~ '^([1-9][0-9]{6,14}@s\.whatsapp\.net|[0-9]{1,20}@lid)$'"
_SHOWN = "type NOT IN ('reaction', 'edit', 'revoke', 'poll_vote')"

# What was received tells of its writer's names; what was sent, of the one name that it was sent to.
_NAMES_IN_MESSAGES = rf"""
    SELECT user_id, session_id, created_at,
           CASE WHEN chat_id LIKE '%@lid' THEN chat_id
                WHEN direction = 'inbound' AND lid ~ '^[0-9]{{1,20}}@lid$' THEN lid END AS lid,
           CASE WHEN chat_id LIKE '%@s.whatsapp.net' THEN '+' || split_part(chat_id, '@', 1)
                WHEN direction = 'inbound' AND phone ~ '^\+[1-9][0-9]{{6,14}}$' THEN phone END AS phone
    FROM messages WHERE {_PEOPLE}
"""  # noqa: S608
# Both names first, the newest pair of each; then whoever is left with one name.
_CONTACTS_OF_MESSAGES = (
    # Whoever writes may name addresses of any length, which an index cannot hold.
    "UPDATE messages SET chat_id = left(chat_id, 200) WHERE length(chat_id) > 200",
    f"""
    INSERT INTO contacts (id, user_id, session_id, phone, lid, created_at)
    SELECT gen_random_uuid(), user_id, session_id, phone, lid, created_at FROM (
        SELECT DISTINCT ON (session_id, phone) * FROM (
            SELECT DISTINCT ON (session_id, lid) * FROM ({_NAMES_IN_MESSAGES}) AS names
            WHERE lid IS NOT NULL AND phone IS NOT NULL ORDER BY session_id, lid, created_at DESC
        ) AS by_lid ORDER BY session_id, phone, created_at DESC
    ) AS pairs
    """,  # noqa: S608
    *(
        f"""
    INSERT INTO contacts (id, user_id, session_id, {name}, created_at)
    SELECT gen_random_uuid(), user_id, session_id, {name}, min(created_at)
    FROM ({_NAMES_IN_MESSAGES}) AS names WHERE {name} IS NOT NULL
    GROUP BY user_id, session_id, {name}
    ON CONFLICT (session_id, {name}) DO NOTHING
    """  # noqa: S608
        for name in ("lid", "phone")
    ),
    f"""
    UPDATE messages SET contact_id = contacts.id FROM contacts
    WHERE contacts.session_id = messages.session_id AND messages.{_PEOPLE}
      AND (contacts.lid = messages.chat_id
           OR contacts.phone = '+' || split_part(messages.chat_id, '@', 1)
              AND messages.chat_id LIKE '%@s.whatsapp.net')
    """,  # noqa: S608
    f"""
    INSERT INTO chats (id, user_id, session_id, contact_id, chat_id, last_message_id, last_message_at)
    SELECT DISTINCT ON (session_id, coalesce(contact_id::text, chat_id))
           gen_random_uuid(), user_id, session_id, contact_id, chat_id, id, created_at
    FROM messages WHERE {_SHOWN} AND chat_id NOT IN ('', 'status@broadcast')
    ORDER BY session_id, coalesce(contact_id::text, chat_id), created_at DESC, id DESC
    """,  # noqa: S608
)


def _id() -> "sa.Column[object]":
    return sa.Column("id", _ID, primary_key=True)


def _of(table: str) -> "sa.Column[object]":
    reference = sa.ForeignKey(f"{table}s.id", ondelete="CASCADE")
    return sa.Column(f"{table}_id", _ID, reference, nullable=False)


def upgrade() -> None:
    op.create_table(
        "contacts",
        _id(),
        _of("user"),
        _of("session"),
        sa.Column("phone", sa.String),
        sa.Column("lid", sa.String),
        sa.Column("push_name", sa.String),
        sa.Column("merged_into", _ID),
        sa.Column("created_at", _TIME, nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.UniqueConstraint("session_id", "phone"),
        sa.UniqueConstraint("session_id", "lid"),
    )
    op.create_index("ix_contacts_user_id", "contacts", ["user_id"])
    op.create_index("ix_contacts_session_id_created_at_id", "contacts", ["session_id", "created_at", "id"])
    op.create_table(
        "chats",
        _id(),
        _of("user"),
        _of("session"),
        sa.Column("contact_id", _ID),
        sa.Column("chat_id", sa.String, nullable=False, server_default=""),
        sa.Column("last_message_id", _ID, nullable=False),
        sa.Column("last_message_at", _TIME, nullable=False),
    )
    op.create_index("ix_chats_user_id", "chats", ["user_id"])
    op.create_index(
        "ix_chats_session_id_last_message_at_id", "chats", ["session_id", "last_message_at", "id"]
    )
    with_contact, without = sa.text("contact_id IS NOT NULL"), sa.text("contact_id IS NULL")
    op.create_index(
        "uq_chats_contact", "chats", ["session_id", "contact_id"], unique=True, postgresql_where=with_contact
    )
    op.create_index(
        "uq_chats_address", "chats", ["session_id", "chat_id"], unique=True, postgresql_where=without
    )
    # No foreign key: contacts go with their session alone, and each that goes would look through messages.
    op.add_column("messages", sa.Column("contact_id", _ID))
    for statement in _CONTACTS_OF_MESSAGES:
        op.execute(statement)
    op.create_index(
        "ix_messages_of_contact",
        "messages",
        ["session_id", "contact_id", "created_at", "id"],
        postgresql_where=with_contact,
    )
    op.create_index(
        "ix_messages_of_group",
        "messages",
        ["session_id", "chat_id", "created_at", "id"],
        postgresql_where=without,
    )
    op.create_index(
        "ix_messages_unread",
        "messages",
        ["session_id", "contact_id", "chat_id"],
        postgresql_where=sa.text("direction = 'inbound' AND read_at IS NULL AND NOT history"),
    )
    for statement in (*tenant_table("contacts"), *tenant_table("chats")):
        op.execute(statement)


def downgrade() -> None:
    for index in ("ix_messages_unread", "ix_messages_of_group", "ix_messages_of_contact"):
        op.drop_index(index, "messages")
    op.drop_column("messages", "contact_id")
    op.drop_table("chats")
    op.drop_table("contacts")
