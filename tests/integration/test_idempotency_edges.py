"""What an idempotency key must not do: mix up requests, overwrite answers, outlive or undercut its time."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from control_plane.db.engine import SystemSite
from control_plane.http import idempotency
from control_plane.http.idempotency import ExpiredKeys, IdempotencyRecord
from shared.ids import UserId, new_uuid, parse_public_id
from tests.factories import People, Person
from tests.integration.test_idempotency import PATH, count, create

SITE = SystemSite.PERIODIC_WORK


async def age(person: Person, **values: object) -> None:
    async with person.replica.parts.database.system(SITE) as session:
        await session.execute(
            update(IdempotencyRecord)
            .where(IdempotencyRecord.user_id == parse_public_id("usr", person.id))
            .values(**values)
        )


async def test_the_query_is_part_of_the_request(people: People):
    person = await people()
    headers = {"Idempotency-Key": "k-1"}
    await person.call("POST", f"{PATH}?a=1", json={"name": "x"}, headers=headers)
    other = await person.call("POST", f"{PATH}?a=2", json={"name": "x"}, headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_replay_has_the_type_of_the_first_answer(people: People):
    person = await people()
    first, second = await create(person, "k-1"), await create(person, "k-1")
    assert second.headers["content-type"] == first.headers["content-type"] == "application/json"


async def test_a_finished_answer_is_not_done_again_when_the_lease_is_over(people: People):
    person = await people()
    first = await create(person, "k-1")
    await age(person, claimed_until=func.clock_timestamp() - timedelta(hours=1))
    assert (await create(person, "k-1")).json()["id"] == first.json()["id"]
    assert await count(person) == 1


async def test_an_abandoned_claim_is_not_taken_by_another_request(people: People):
    person = await people()
    database, tenant = person.replica.parts.database, UserId(parse_public_id("usr", person.id) or new_uuid())
    await idempotency.claim(database, tenant, f"POST {PATH}", "k-1", b"another request")
    await age(person, claimed_until=func.clock_timestamp() - timedelta(hours=1))
    assert (await create(person, "k-1")).json()["code"] == "idempotency_key_reused"


async def test_a_claim_that_was_taken_over_stores_nothing(people: People):
    person = await people()
    database, tenant = person.replica.parts.database, UserId(parse_public_id("usr", person.id) or new_uuid())
    old = await idempotency.claim(database, tenant, "POST /x", "k-1", b"print")
    await age(person, claimed_until=func.clock_timestamp() - timedelta(hours=1))
    new = await idempotency.claim(database, tenant, "POST /x", "k-1", b"print")
    assert isinstance(old, idempotency.Claimed)
    assert isinstance(new, idempotency.Claimed)
    answer = idempotency.Replay(201, {}, b"{}")
    async with database.tenant(tenant) as session:
        with pytest.raises(Exception, match="took over"):
            await idempotency.store(session, tenant, old, answer)
        await idempotency.store(session, tenant, new, answer)
    await idempotency.release(database, tenant, old)
    again = await idempotency.claim(database, tenant, "POST /x", "k-1", b"print")
    assert again == answer


async def test_the_purge_takes_only_what_is_a_day_old(people: People):
    young, old = await people(), await people()
    for person in (young, old):
        await create(person, "k-1")
    await age(old, created_at=func.clock_timestamp() - timedelta(hours=25))
    database = young.replica.parts.database
    async with database.system(SITE) as session:
        assert await ExpiredKeys(session).purge() >= 1
    async with database.system(SITE) as session:
        owners = set(await session.scalars(select(IdempotencyRecord.user_id)))
    assert parse_public_id("usr", young.id) in owners
    assert parse_public_id("usr", old.id) not in owners
