"""The statements that give a table its owner rules; migrations call them, a test finds tables without."""

from control_plane.db.engine import APP_ROLE, SYSTEM_ROLE, TENANT_SETTING

_CURRENT_TENANT = f"NULLIF(current_setting('{TENANT_SETTING}', true), '')::uuid"


def create_role(role: str) -> str:
    """A role that nobody logs in as, taken by the login that migrates and by those that are granted it."""
    return f"""
    DO $$ BEGIN
        -- Roles belong to the whole server: another database of it may have made them a moment ago.
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
            BEGIN
                CREATE ROLE {role} NOLOGIN NOBYPASSRLS;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        -- Since version 16 a member may be one without the right to take the role.
        IF NOT pg_has_role(current_user, '{role}', CASE
            WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
        THEN
            GRANT {role} TO CURRENT_USER;
        END IF;
    END $$
    """


CREATE_ROLES = [
    statement
    for role in (APP_ROLE, SYSTEM_ROLE)
    for statement in (create_role(role), f"GRANT USAGE ON SCHEMA public TO {role}")
]


def tenant_table(
    table: str, *, owner: str = "user_id", app: str = "SELECT, INSERT, UPDATE, DELETE"
) -> list[str]:
    """Each tenant sees its own rows, the system role sees all; `app` names what tenants may do."""
    return [
        *system_table(table),
        f"GRANT {app} ON {table} TO {APP_ROLE}",
        f"""CREATE POLICY tenant ON {table} TO {APP_ROLE}
            USING ({owner} = {_CURRENT_TENANT}) WITH CHECK ({owner} = {_CURRENT_TENANT})""",
    ]


def system_table(table: str) -> list[str]:
    """A table that no tenant may touch."""
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {SYSTEM_ROLE}",
        f"CREATE POLICY system ON {table} TO {SYSTEM_ROLE} USING (true) WITH CHECK (true)",
    ]
