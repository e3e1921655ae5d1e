"""The feed itself: a notification is enough, every change that matters is told, silence is noticed."""

import asyncio
import uuid

import asyncpg
import pytest
from sqlalchemy import delete, func, select

from control_plane import app
from control_plane.accounts.models import Login, RefreshToken, User
from control_plane.accounts.repository import CredentialRepository, ExpiryRepository
from control_plane.db.engine import Database, SystemSite
from control_plane.db.revocations import PurgedRevocations, Revocation, RevocationFeed
from control_plane.settings import Settings
from shared.ids import parse_public_id
from tests.background_jobs import all_jobs
from tests.factories import People
from tests.waiting import until

CHANGES = {
    "role": "UPDATE users SET role = 'admin' WHERE id = $1",
    "tier": "UPDATE users SET tier = 'PRO' WHERE id = $1",
    "limits": "UPDATE users SET limit_overrides = '{\"sessions\": 2}' WHERE id = $1",
    "disabled": "UPDATE users SET disabled_at = now() WHERE id = $1",
    "password": "UPDATE users SET password_hash = 'x' WHERE id = $1",
    "login ended": "UPDATE logins SET revoked_at = now() WHERE user_id = $1",
    "login gone": "DELETE FROM logins WHERE user_id = $1",
    "key revoked": "UPDATE api_keys SET revoked_at = now() WHERE user_id = $1",
    "key's scopes": "UPDATE api_keys SET scopes = '{}' WHERE user_id = $1",
    "key's end": "UPDATE api_keys SET expires_at = now() WHERE user_id = $1",
    "key gone": "DELETE FROM api_keys WHERE user_id = $1",
    "account gone": "DELETE FROM users WHERE id = $1",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_that_matters_is_told_by_a_notification(
    database_url: str, people: People, change: str
):
    person = await people()
    await person.new_key()
    user_id = parse_public_id("usr", person.id)
    heard: list[uuid.UUID | None] = []
    # It would look by itself only after a minute.
    feed = RevocationFeed(database_url, heard.append, poll_seconds=60, stale_after=60)
    await feed.start()
    connection = await asyncpg.connect(database_url)
    await connection.execute(CHANGES[change], user_id)

    async def told() -> bool:
        return user_id in heard

    await until(told)
    await connection.close()
    await feed.stop()


async def test_an_account_without_logins_and_keys_is_told_of_as_well(database_url: str, database: Database):
    user = User(email=f"{uuid.uuid4()}@waypost.example", name="N", password_hash="x")
    async with database.system(SystemSite.ADMIN) as session:
        session.add(user)
    heard: list[uuid.UUID | None] = []
    feed = RevocationFeed(database_url, heard.append, poll_seconds=60, stale_after=60)
    await feed.start()
    async with database.system(SystemSite.ADMIN) as session:
        await session.execute(delete(User).where(User.id == user.id))

    async def told() -> bool:
        return user.id in heard

    await until(told)
    await feed.stop()


async def test_a_feed_that_hears_nothing_says_so_in_time(database_url: str, monkeypatch):
    feed = RevocationFeed(database_url, lambda _: None, poll_seconds=0.02, stale_after=0.3)
    freshness = [feed.fresh]
    await feed.start()
    freshness.append(feed.fresh)
    assert freshness == [False, True]

    async def refused(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(asyncpg, "connect", refused)
    monkeypatch.setattr(asyncpg.Connection, "fetchval", refused)

    async def deaf() -> bool:
        return not feed.fresh

    await until(deaf)
    monkeypatch.undo()

    async def back() -> bool:
        return feed.fresh

    await until(back)
    await feed.stop()


async def test_young_revocations_logins_and_tokens_are_kept(database: Database, people: People):
    person = await people()
    user_id = parse_public_id("usr", person.id)
    await person.call("POST", "/v1/auth/logout")
    async with database.system(SystemSite.PERIODIC_WORK) as session:
        await PurgedRevocations(session).purge()
        await ExpiryRepository(session).purge()
    async with database.system(SystemSite.PERIODIC_WORK) as session:
        for model in (Revocation, Login, RefreshToken):
            rows = await session.scalars(select(model).where(model.user_id == user_id))
            assert rows.all(), model.__tablename__


def test_every_purge_is_among_the_jobs(database: Database, settings: Settings):
    names = {job.name for job in all_jobs(database, settings)}
    assert names >= {"expired-credentials", "expired-idempotency-keys", "old-revocations"}


async def test_the_last_use_never_goes_backwards(database: Database, people: People):
    person = await people()
    key_id = parse_public_id("key", (await person.new_key())["id"])
    assert key_id is not None
    async with database.system(SystemSite.LAST_USED) as session:
        now = await session.scalar(select(func.now()))
        assert now is not None
        repository = CredentialRepository(session)
        await repository.mark_used({key_id: now})
        await repository.mark_used({key_id: now.replace(year=2020)})
    listed = (await person.call("GET", "/v1/api-keys")).json()["items"]
    assert listed[0]["lastUsedAt"][:4] == str(now.year)


async def test_revoked_keys_are_not_listed(people: People):
    person = await people()
    made = [await person.new_key() for _ in range(2)]
    await person.call("DELETE", f"/v1/api-keys/{made[0]['id']}")
    listed = (await person.call("GET", "/v1/api-keys")).json()["items"]
    assert [key["id"] for key in listed] == [made[1]["id"]]


async def test_the_flusher_of_the_application_writes_the_last_use(people: People, monkeypatch):
    """The loop itself runs every few seconds; here it is only asked to run at once."""

    person = await people()
    key = (await person.new_key())["key"]
    await person.call("GET", "/v1/whoami", bearer=key)
    monkeypatch.setattr(app, "_FLUSH_SECONDS", 0.02)
    task = asyncio.create_task(app._flush_used_keys(person.replica.parts.credentials))

    async def written() -> bool:
        return (await person.call("GET", "/v1/api-keys")).json()["items"][0]["lastUsedAt"] is not None

    await until(written)
    task.cancel()
