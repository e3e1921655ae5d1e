"""Accounts, keys, quotas, revocations, idempotency, mail and periodic work.

Revision: 20261121_0800, the first
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from control_plane.db.row_security import CREATE_ROLES, system_table, tenant_table

revision = "20261121_0800"
down_revision = None
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")
_TIME = sa.DateTime(timezone=True)
_ID = postgresql.UUID(as_uuid=True)


def _created() -> "sa.Column[object]":
    return sa.Column("created_at", _TIME, nullable=False, server_default=_NOW)


def _owner() -> "sa.Column[object]":
    return sa.Column("user_id", _ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


def _claim() -> list["sa.Column[object]"]:
    return [
        sa.Column("due_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("claim_token", _ID),
        sa.Column("claimed_until", _TIME),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    ]


# A trigger and not the services, so that no code path and no hand at psql can forget it.
_REVOCATION_TRIGGERS = [
    """
    CREATE FUNCTION note_revocation() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DECLARE
        changed uuid;
    BEGIN
        IF TG_TABLE_NAME = 'users' THEN
            changed := OLD.id;
        ELSE
            changed := OLD.user_id;
        END IF;
        INSERT INTO revocations (user_id) VALUES (changed);
        PERFORM pg_notify('waypost_revocations', '');
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER revoked AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION note_revocation()",
    """
    CREATE TRIGGER changed AFTER UPDATE OF role, tier, limit_overrides, disabled_at, password_hash ON users
        FOR EACH ROW EXECUTE FUNCTION note_revocation()
    """,
    """
    CREATE TRIGGER revoked AFTER UPDATE OF revoked_at OR DELETE ON logins
        FOR EACH ROW EXECUTE FUNCTION note_revocation()
    """,
    """
    CREATE TRIGGER revoked AFTER UPDATE OF revoked_at, scopes, expires_at OR DELETE ON api_keys
        FOR EACH ROW EXECUTE FUNCTION note_revocation()
    """,
]


def upgrade() -> None:
    for statement in CREATE_ROLES:
        op.execute(statement)
    op.create_table(
        "users",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("email", sa.String, nullable=False, unique=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("password_hash", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("tier", sa.String, nullable=False),
        sa.Column("limit_overrides", postgresql.JSONB, nullable=False, server_default="{}"),
        sa.Column("disabled_at", _TIME),
        _created(),
        sa.Column("updated_at", _TIME, nullable=False, server_default=_NOW),
    )
    op.create_index("ix_users_created_at_id", "users", ["created_at", "id"])
    op.create_table(
        "logins",
        sa.Column("id", _ID, primary_key=True),
        _owner(),
        _created(),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("last_refreshed_at", _TIME),
        sa.Column("revoked_at", _TIME),
        sa.Column("revoked_reason", sa.String),
        sa.Column("user_agent", sa.String, nullable=False, server_default=""),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("id", _ID, primary_key=True),
        _owner(),
        sa.Column("login_id", _ID, sa.ForeignKey("logins.id", ondelete="CASCADE"), nullable=False),
        _created(),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("rotated_at", _TIME),
    )
    op.create_index("ix_refresh_tokens_login_id", "refresh_tokens", ["login_id"])
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"])
    op.create_table(
        "password_resets",
        sa.Column("id", _ID, primary_key=True),
        _owner(),
        _created(),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME),
    )
    op.create_index("ix_password_resets_expires_at", "password_resets", ["expires_at"])
    op.create_table(
        "api_keys",
        sa.Column("id", _ID, primary_key=True),
        _owner(),
        _created(),
        sa.Column("key_id", sa.String, nullable=False, unique=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.String), nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("digest_key_id", sa.String, nullable=False),
        sa.Column("expires_at", _TIME),
        sa.Column("last_used_at", _TIME),
        sa.Column("revoked_at", _TIME),
    )
    for table in ("logins", "refresh_tokens", "password_resets", "api_keys"):
        op.create_index(f"ix_{table}_user_id", table, ["user_id"])
    op.create_table(
        "quota_usage",
        _owner(),
        sa.Column("resource", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "resource", "period"),
        sa.CheckConstraint("used >= 0", name="not_negative"),
    )
    op.create_table(
        "idempotency_keys",
        _owner(),
        sa.Column("route", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        _created(),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("token", _ID, nullable=False),
        sa.Column("claimed_until", _TIME, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", postgresql.JSONB),
        sa.Column("body", sa.LargeBinary),
        sa.PrimaryKeyConstraint("user_id", "route", "key"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "revocations",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("user_id", _ID, nullable=False),
        _created(),
    )
    op.execute("ALTER TABLE revocations ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.create_index("ix_revocations_xid", "revocations", ["xid"])
    op.create_index("ix_revocations_created_at", "revocations", ["created_at"])
    op.create_table(
        "periodic_jobs",
        sa.Column("id", _ID, primary_key=True),
        *_claim(),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("last_started_at", _TIME),
        sa.Column("last_finished_at", _TIME),
        sa.Column("last_duration_seconds", sa.Float),
        sa.Column("last_outcome", sa.String),
        sa.Column("runs", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_index("ix_periodic_jobs_due_at", "periodic_jobs", ["due_at"])
    op.create_table(
        "outgoing_mail",
        sa.Column("id", _ID, primary_key=True),
        *_claim(),
        _created(),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
    )
    op.create_index("ix_outgoing_mail_due_at", "outgoing_mail", ["due_at"])
    _secure()


def _secure() -> None:
    statements = [
        *tenant_table("users", owner="id", app="SELECT, UPDATE, DELETE"),
        *tenant_table("logins"),
        *tenant_table("refresh_tokens"),
        *tenant_table("password_resets", app="DELETE"),
        *tenant_table("api_keys"),
        *tenant_table("quota_usage"),
        *tenant_table("idempotency_keys"),
        *system_table("revocations"),
        *system_table("periodic_jobs"),
        *system_table("outgoing_mail"),
        "GRANT SELECT ON alembic_version TO waypost_system",
        *_REVOCATION_TRIGGERS,
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "outgoing_mail",
        "periodic_jobs",
        "revocations",
        "idempotency_keys",
        "quota_usage",
        "api_keys",
        "password_resets",
        "refresh_tokens",
        "logins",
        "users",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION note_revocation()")
    # The roles stay: they belong to the whole server, and another database of it may use them.
