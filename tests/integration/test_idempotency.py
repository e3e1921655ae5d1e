"""The same POST sent twice is done once."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, update

from control_plane.db.engine import SystemSite
from control_plane.http import idempotency
from control_plane.http.idempotency import IdempotencyRecord, claim, fingerprint
from control_plane.http.principal import Role
from shared.ids import UserId, parse_public_id
from tests.factories import People, Person, new_email, new_password

PATH = "/v1/api-keys"


async def create(person: Person, key: str, name: str = "x"):
    return await person.call("POST", PATH, json={"name": name}, headers={"Idempotency-Key": key})


async def count(person: Person) -> int:
    return len((await person.call("GET", PATH)).json()["items"])


async def test_a_repetition_gets_the_first_answer_without_its_secret(people: People):
    person = await people()
    first, second = await create(person, "k-1"), await create(person, "k-1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["key"].startswith("wp_live_")
    assert second.json() == {**first.json(), "key": None}
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]
    assert await count(person) == 1


async def test_quoted_and_bare_are_the_same_key(people: People):
    person = await people()
    await create(person, '"k-1"')
    await create(person, "k-1")
    assert await count(person) == 1


async def test_another_body_with_the_same_key_is_refused(people: People):
    person = await people()
    await create(person, "k-1")
    other = await create(person, "k-1", name="y")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_of_parallel_requests_one_works_and_the_others_wait_or_are_answered(people: People):
    person = await people()
    answers = await asyncio.gather(*(create(person, "k-1") for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    shown = [a.json()["key"] for a in answers if a.status_code == 201 and a.json()["key"]]
    assert len(shown) == 1
    assert await count(person) == 1
    assert (await create(person, "k-1")).json()["key"] is None


async def test_a_refused_request_may_be_tried_again_with_its_key(people: People):
    person = await people()
    assert (await create(person, "k-1", name="")).status_code == 422
    assert (await create(person, "k-1")).status_code == 201


async def test_keys_of_two_accounts_do_not_meet(people: People):
    one, other = await people(), await people()
    await create(one, "k-1")
    assert (await create(other, "k-1")).json()["key"] is not None


@pytest.mark.parametrize("key", ["", " ", "a b", "\u00e9".encode(), "x" * 256])
async def test_a_bad_key_is_refused(people: People, key: str):
    person = await people()
    answer = await create(person, key)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


async def test_a_claim_left_behind_by_a_crash_is_taken_over_after_its_lease(people: People):
    person = await people()
    database = person.replica.parts.database
    tenant = UserId(parse_public_id("usr", person.id))  # type: ignore[arg-type]
    print_of_request = fingerprint(b"", "application/json", b'{"name":"x"}')
    await claim(database, tenant, f"POST {PATH}", "k-1", print_of_request)
    assert (await create(person, "k-1")).json()["code"] == "idempotency_in_flight"
    async with database.system(SystemSite.ADMIN) as session:
        await session.execute(
            update(IdempotencyRecord)
            .where(IdempotencyRecord.user_id == tenant)
            .values(claimed_until=func.clock_timestamp() - timedelta(seconds=1))
        )
    assert (await create(person, "k-1")).status_code == 201
    assert await count(person) == 1


async def test_after_a_day_the_key_is_free(people: People):
    person = await people()
    await create(person, "k-1")
    async with person.replica.parts.database.system(SystemSite.ADMIN) as session:
        await session.execute(
            update(IdempotencyRecord)
            .where(IdempotencyRecord.user_id == parse_public_id("usr", person.id))
            .values(created_at=func.clock_timestamp() - timedelta(hours=25))
        )
    assert (await create(person, "k-1", name="y")).json()["key"] is not None
    assert await count(person) == 2


async def test_an_effect_and_its_answer_are_stored_together_or_not_at_all(people: People, monkeypatch):
    """The claim is lost while the handler works: its effect is rolled back, and the client is told."""
    person = await people()
    real = idempotency.IdempotencyRepository.store

    async def lost(self, claimed, answer):
        await real(self, claimed, answer)
        return False

    monkeypatch.setattr(idempotency.IdempotencyRepository, "store", lost)
    assert (await create(person, "k-1")).status_code == 409
    monkeypatch.undo()
    assert await count(person) == 0
    assert (await create(person, "k-1")).status_code == 201


async def test_an_admin_may_use_a_key_as_well(people: People):
    admin = await people(role=Role.ADMIN)
    body = {"email": new_email(), "password": new_password(), "name": "Made"}
    headers = {"Idempotency-Key": "k-1"}
    answers = [await admin.call("POST", "/v1/admin/users", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
