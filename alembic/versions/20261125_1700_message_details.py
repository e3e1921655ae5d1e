"""What belongs to a message beside its content: what it answers, whom it names, and what became of it.

Revision: 20261125_1700, after 20261125_1520
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "20261125_1700"
down_revision = "20261125_1520"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_ADDED = (
    sa.Column("reply_to", postgresql.JSONB),
    sa.Column("mentions", postgresql.JSONB, nullable=False, server_default="[]"),
    sa.Column("forwarded", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("push_name", sa.String),
    # Of its file: where it is kept, or why it is not.
    sa.Column("media", postgresql.JSONB),
    sa.Column("edited_at", _TIME),
    sa.Column("revoked_at", _TIME),
)


def upgrade() -> None:
    for column in _ADDED:
        op.add_column("messages", column)
    # Words of any language, as they are written.
    op.execute(
        "CREATE INDEX ix_messages_text ON messages USING gin (to_tsvector('simple', coalesce(text, '')))"
    )
    # What names another message names it by the network's id.
    op.create_index(
        "ix_messages_session_id_whatsapp_message_id", "messages", ["session_id", "whatsapp_message_id"]
    )


def downgrade() -> None:
    op.drop_index("ix_messages_session_id_whatsapp_message_id", "messages")
    op.drop_index("ix_messages_text", "messages")
    for column in _ADDED:
        op.drop_column("messages", column.name)
