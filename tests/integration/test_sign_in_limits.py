"""Guessing: slowed by account and by address; people who are out stay out; spellings do not help."""

import pytest
from sqlalchemy import func, select

from control_plane.accounts.models import PasswordReset
from control_plane.db.engine import SystemSite
from control_plane.http.principal import Role
from shared.ids import parse_public_id
from tests.factories import People, Person, new_address, new_password
from tests.integration.test_password_reset import ask
from tests.integration.test_refresh import refresh
from tests.replica import Replica


async def test_one_account_is_not_guessed_at_from_many_addresses(
    replica: Replica, people: People, monkeypatch
):
    owner = await people()
    # Hashing is not what this is about, and a hundred hashes take their time.
    monkeypatch.setattr(replica.parts.hasher, "verify", _never_right)
    statuses = []
    for _ in range(102):
        guesser = Person(replica, email=owner.email, address=new_address())
        statuses.append((await guesser.log_in()).status_code)
    assert statuses[:100] == [401] * 100
    assert statuses[-1] == 429


async def test_one_address_does_not_guess_at_many_accounts(replica: Replica, monkeypatch):
    monkeypatch.setattr(replica.parts.hasher, "verify", _never_right)
    address = new_address()
    answers = [await Person(replica, address=address).log_in() for _ in range(63)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[-1].json()["violatedPolicies"] == ["login-address"]


async def test_one_address_does_not_register_without_end(replica: Replica):
    address = new_address()
    answers = []
    for _ in range(22):
        person = Person(replica, address=address)
        body = {"email": "no address", "password": person.password, "name": "N"}
        answers.append(await person.call("POST", "/v1/auth/register", bearer="", json=body))
    assert [answer.status_code for answer in answers][-1] == 429
    assert answers[-1].json()["violatedPolicies"] == ["register"]


async def _never_right(*_: object) -> tuple[bool, None]:
    return False, None


async def test_redis_never_sees_an_address_of_a_person(replica: Replica, people: People):
    person = await people()
    await person.log_in()
    await ask(person)
    keys = [str(key) for key in await replica.parts.redis.keys("*")]
    assert keys
    assert not [key for key in keys if person.email in key or "@" in key]


async def test_every_limit_in_redis_ends_by_itself(replica: Replica, people: People):
    person = await people()
    await person.call("GET", "/v1/whoami")
    redis = replica.parts.redis
    for key in await redis.keys("limit:*"):
        # -2: it has ended since it was listed. -1 would be a key without an end.
        assert await redis.pttl(key) != -1


async def test_an_email_is_known_in_any_spelling(people: People):
    person = await people()
    person.email = f"  {person.email.upper()} "
    assert (await person.log_in()).status_code == 200
    assert (await ask(person)).status_code == 202


async def test_who_is_disabled_neither_refreshes_nor_resets(people: People):
    person = await people()
    await people.change(person, disabled_at=func.now())
    refused = await refresh(person)
    assert (refused.status_code, refused.json()["code"]) == (403, "account_disabled")
    assert await _mails_after(person, ask(person)) == 0


async def test_logins_that_were_ended_by_disabling_stay_ended(people: People):
    admin, person = await people(role=Role.ADMIN), await people()
    for disabled in (True, False):
        await admin.call("PATCH", f"/v1/admin/users/{person.id}", json={"disabled": disabled})
    person.replica.parts.credentials.forget(None)
    assert (await person.call("GET", "/v1/users/me")).status_code == 401
    assert (await refresh(person)).status_code == 401
    assert (await person.log_in()).status_code == 200


async def test_logging_out_leaves_the_other_devices_alone(replica: Replica, people: People):
    person = await people()
    other = Person(replica, email=person.email, password=person.password)
    other.take((await other.log_in()).json())
    await person.call("POST", "/v1/auth/logout")
    replica.parts.credentials.forget(None)
    assert (await person.call("GET", "/v1/users/me")).status_code == 401
    assert (await other.call("GET", "/v1/users/me")).status_code == 200


async def test_a_password_that_changes_while_it_is_confirmed_confirms_nothing(people: People, monkeypatch):
    person = await people()
    hasher = person.replica.parts.hasher
    verify, other = hasher.verify, new_password()

    async def slowly(password: str, stored: str | None):
        answer = await verify(password, stored)
        await people.change(person, password_hash=await hasher.hash(other))
        return answer

    monkeypatch.setattr(hasher, "verify", slowly)
    answer = await person.call("DELETE", "/v1/users/me", json={"password": person.password})
    monkeypatch.undo()
    assert answer.status_code == 422
    person.password = other
    assert (await person.log_in()).status_code == 200


async def _mails_after(person: Person, request) -> int:
    await request
    async with person.replica.parts.database.system(SystemSite.ADMIN) as session:
        rows = await session.scalars(
            select(PasswordReset).where(PasswordReset.user_id == parse_public_id("usr", person.id))
        )
        return len(rows.all())


@pytest.mark.parametrize("header", ["referrer-policy", "cross-origin-resource-policy", "cache-control"])
async def test_each_protecting_header_is_there(replica: Replica, header: str):
    assert (await replica.client.get("/health/live")).headers[header]
