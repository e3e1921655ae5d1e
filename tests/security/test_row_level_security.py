"""Row-level security holds even where the code forgets to scope."""

from typing import Any

import asyncpg
import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from control_plane.accounts.models import ApiKey, Login, RefreshToken, User
from control_plane.accounts.repository import AccountRepository, SignInRepository
from control_plane.db.base import Base
from control_plane.db.engine import Database, SystemSite
from control_plane.http.idempotency import IdempotencyRecord
from control_plane.tiers.models import QuotaUsage
from shared.ids import UserId, new_uuid, parse_public_id
from tests.factories import People, Person

READABLE = [User, Login, RefreshToken, ApiKey, QuotaUsage, IdempotencyRecord]


def tenant_of(person: Person) -> UserId:
    user_id = parse_public_id("usr", person.id)
    assert user_id is not None
    return UserId(user_id)


async def furnished(people: People) -> Person:
    person = await people()
    await person.call("POST", "/v1/api-keys", json={"name": "k"}, headers={"Idempotency-Key": "one"})
    return person


@pytest.mark.parametrize("model", READABLE, ids=lambda model: model.__tablename__)
async def test_without_any_scope_a_tenant_sees_its_own_rows_only(
    database: Database, people: People, model: type[Base]
):
    owner = await furnished(people)
    await furnished(people)
    table: Any = model.__table__
    owner_column = table.c.id if model is User else table.c.user_id
    async with database.tenant(tenant_of(owner)) as session:
        seen = set(await session.scalars(select(owner_column)))
    async with database.system(SystemSite.ADMIN) as session:
        everybody = set(await session.scalars(select(owner_column)))
    assert seen == {tenant_of(owner)}
    assert len(everybody) > 1


@pytest.mark.parametrize("model", [User, Login, ApiKey, QuotaUsage], ids=lambda model: model.__tablename__)
async def test_without_any_scope_a_tenant_changes_and_deletes_no_foreign_row(
    database: Database, people: People, model: type[Base]
):
    owner, other = await furnished(people), await furnished(people)
    table: Any = model.__table__
    owner_column = table.c.id if model is User else table.c.user_id
    async with database.tenant(tenant_of(owner)) as session:
        changed: Any = await session.execute(update(table).values({owner_column.name: owner_column}))
        await session.execute(delete(table))
    assert changed.rowcount == 1
    async with database.system(SystemSite.ADMIN) as session:
        left = await session.scalars(select(owner_column).where(owner_column == tenant_of(other)))
        assert left.all()


async def test_a_tenant_cannot_write_in_the_name_of_another(database: Database, people: People):
    owner, other = await people(), await people()
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.tenant(tenant_of(owner)) as session:
            values = {"user_id": tenant_of(other), "resource": "sessions", "period": "", "used": 0}
            await session.execute(insert(QuotaUsage).values(values))


async def test_a_session_without_a_tenant_sees_nothing(database: Database, people: People):
    await people()
    async with database._app_sessions() as session:
        assert (await session.scalars(select(User.id))).all() == []
        await session.execute(text("SELECT set_config('waypost.tenant', '', true)"))
        assert (await session.scalars(select(User.id))).all() == []


async def test_the_tenant_does_not_stay_on_a_pooled_connection(database: Database, people: People):
    person = await people()
    async with database.tenant(tenant_of(person)) as session:
        await session.execute(select(User.id))
    for _ in range(20):
        async with database._app_sessions() as session:
            assert (await session.scalars(select(User.id))).all() == []


@pytest.mark.parametrize("table", ["revocations", "periodic_jobs", "outgoing_mail", "alembic_version"])
async def test_a_tenant_cannot_touch_the_tables_of_the_system(database: Database, people: People, table: str):
    person = await people()
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.tenant(tenant_of(person)) as session:
            await session.execute(text(f"SELECT * FROM {table}"))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM password_resets",
        "UPDATE password_resets SET used_at = NULL",
        "INSERT INTO users (id, email, role) VALUES (gen_random_uuid(), 'x', 'admin')",
        "INSERT INTO revocations (user_id) VALUES (gen_random_uuid())",
        "DELETE FROM whatsapp_store.fences",
    ],
)
async def test_a_tenant_has_no_right_that_it_does_not_need(
    database: Database, people: People, statement: str
):
    person = await people()
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.tenant(tenant_of(person)) as session:
            await session.execute(text(statement))


async def test_every_table_has_row_level_security(database: Database):
    async with database.system(SystemSite.HEALTH) as session:
        unprotected = await session.scalars(
            text(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relrowsecurity"
                " AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
            )
        )
        assert unprotected.all() == []


async def test_the_api_needs_no_owner_only_the_two_roles(start_replica, database_url: str):
    """An operator may run it with a login that owns nothing and could not change the schema."""
    login, password = f"login_{new_uuid().hex[:12]}", "only-for-this-test"
    connection = await asyncpg.connect(database_url)
    await connection.execute(f"CREATE ROLE {login} LOGIN NOINHERIT PASSWORD '{password}'")
    await connection.execute(f"GRANT waypost_app, waypost_system TO {login}")
    owner = database_url.partition("//")[2].partition("@")[0]
    try:
        replica = await start_replica(WAYPOST_DATABASE_URL=database_url.replace(owner, f"{login}:{password}"))
        person = await People(replica)()
        assert (await person.call("GET", "/v1/users/me")).status_code == 200
        assert (await replica.client.get("/health/ready")).status_code == 200
    finally:
        await replica.parts.database.close()
        await replica.parts.feed.stop()
        await connection.execute(f"DROP ROLE {login}")
        await connection.close()


async def test_a_repository_of_one_kind_refuses_a_session_of_the_other(database: Database):
    with pytest.raises(LookupError):
        AccountRepository(database.system_session(SystemSite.ADMIN))
    with pytest.raises(LookupError):
        SignInRepository(database.tenant_session(UserId(new_uuid())))
