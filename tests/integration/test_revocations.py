"""Every replica learns of a change within a second, with Redis up or down, with its link cut and back."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from control_plane.db.engine import SystemSite
from control_plane.db.revocations import RevocationFeed
from control_plane.http.principal import Role
from tests.factories import People, Person
from tests.integration.test_api_keys import until_refused
from tests.integration.test_refresh import eventually_refused
from tests.waiting import until

NO_REDIS = {"WAYPOST_REDIS_URL": "redis://127.0.0.1:1/0"}


async def disable(admin: Person, person: Person, disabled: bool = True) -> None:
    answer = await admin.call("PATCH", f"/v1/admin/users/{person.id}", json={"disabled": disabled})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("redis", [{}, NO_REDIS], ids=["with redis", "without redis"])
async def test_a_disabled_account_is_out_everywhere_within_a_second(people: People, start_replica, redis):
    admin, person = await people(role=Role.ADMIN), await people()
    other = await start_replica(**redis)
    key = (await person.new_key())["key"]
    for replica in (person.replica, other):
        assert (await person.call("GET", "/v1/whoami", bearer=key, on=replica)).status_code == 200
        assert (await person.call("GET", "/v1/users/me", on=replica)).status_code == 200
    # Only the key is left: that the login ended is not what puts the account out.
    await person.call("POST", "/v1/auth/logout")
    await disable(admin, person)
    for replica in (person.replica, other):

        async def out(replica=replica) -> bool:
            answers = [
                await person.call("GET", "/v1/whoami", bearer=key, on=replica),
                await person.call("GET", "/v1/users/me", on=replica),
            ]
            return all(answer.status_code in {401, 403} for answer in answers)

        await until(out)
    assert (await person.log_in()).json()["code"] == "account_disabled"
    await disable(admin, person, disabled=False)
    assert (await person.log_in()).status_code == 200


async def test_a_change_made_by_hand_in_the_database_is_heard_as_well(people: People):
    person = await people()
    created = await person.new_key()
    assert (await person.call("GET", "/v1/whoami", bearer=created["key"])).status_code == 200
    async with person.replica.parts.database.system(SystemSite.ADMIN) as session:
        await session.execute(
            text("UPDATE api_keys SET revoked_at = now() WHERE id = :id"),
            {"id": created["id"].removeprefix("key-")},
        )
    await until_refused(person, created["key"], "unauthorized")


async def test_while_a_replica_cannot_hear_it_believes_nothing(people: People, monkeypatch):
    """The feed is cut off: every request asks the database, so a revocation still counts at once."""
    person = await people()
    created = await person.new_key()
    parts = person.replica.parts
    await person.call("GET", "/v1/whoami", bearer=created["key"])
    monkeypatch.setattr(RevocationFeed, "fresh", property(lambda _: False))
    monkeypatch.setattr(parts.credentials, "forget", lambda _: None)
    assert (await person.call("GET", "/v1/whoami", bearer=created["key"])).status_code == 200
    await person.call("DELETE", f"/v1/api-keys/{created['id']}")
    assert (await person.call("GET", "/v1/whoami", bearer=created["key"])).status_code == 401


async def test_a_cut_feed_connects_again_and_forgets_everything(database_url: str):
    forgotten: list[object] = []
    feed = RevocationFeed(database_url, forgotten.append, poll_seconds=0.05)
    await feed.start()
    assert feed.fresh
    assert forgotten == [None]
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'waypost-revocations' AND datname = current_database()"
    )

    async def again() -> bool:
        return forgotten.count(None) == 2

    await until(again)
    assert feed.fresh
    await feed.stop()
    await connection.close()


async def test_a_change_that_commits_late_is_not_missed(database_url: str, people: People):
    """Its row is older than one that the feed has read already; a cursor by number would skip it."""
    early, late = await people(), await people()
    heard: list[str] = []
    feed = RevocationFeed(database_url, lambda user: heard.append(f"usr-{user}"), poll_seconds=0.05)
    await feed.start()
    slow, quick = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    update = "UPDATE users SET tier = 'PRO' WHERE id = $1"
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(update, late.id.removeprefix("usr-"))
    await quick.execute(update, early.id.removeprefix("usr-"))

    async def heard_early() -> bool:
        return early.id in heard

    await until(heard_early)
    assert late.id not in heard
    await transaction.commit()

    async def heard_late() -> bool:
        return late.id in heard

    await until(heard_late)
    await feed.stop()
    await slow.close()
    await quick.close()


async def test_a_lookup_that_began_before_a_revocation_is_not_cached_after_it(people: People, monkeypatch):
    person = await people()
    created = await person.new_key()
    credentials = person.replica.parts.credentials
    load, looking, go_on = credentials._load_key, asyncio.Event(), asyncio.Event()

    async def slow(repository, key_id):
        known = await load(repository, key_id)
        looking.set()
        await go_on.wait()
        return known

    monkeypatch.setattr(credentials, "_load_key", slow)
    request = asyncio.create_task(person.call("GET", "/v1/whoami", bearer=created["key"]))
    await looking.wait()
    monkeypatch.undo()
    generation = credentials._generation
    await person.call("DELETE", f"/v1/api-keys/{created['id']}")

    async def heard() -> bool:
        return credentials._generation > generation

    await until(heard)
    go_on.set()
    await request
    assert (await person.call("GET", "/v1/whoami", bearer=created["key"])).status_code == 401


async def test_requests_that_miss_the_cache_together_ask_the_database_once(people: People, monkeypatch):
    person = await people()
    key = (await person.new_key())["key"]
    credentials, asked = person.replica.parts.credentials, []
    load = credentials._load_key

    async def counted(repository, key_id):
        asked.append(key_id)
        return await load(repository, key_id)

    monkeypatch.setattr(credentials, "_load_key", counted)
    answers = await asyncio.gather(*(person.call("GET", "/v1/whoami", bearer=key) for _ in range(30)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(asked) == 1


async def test_a_logout_is_heard_by_the_other_replicas(people: People, start_replica):
    person, other = await people(), await start_replica()
    assert (await person.call("GET", "/v1/users/me", on=other)).status_code == 200
    await person.call("POST", "/v1/auth/logout")
    await eventually_refused(person, on=other)
