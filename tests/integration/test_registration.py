"""Opening an account and logging in."""

import asyncio

import pytest
from passlib.context import CryptContext
from sqlalchemy import select

from control_plane.accounts.models import User
from control_plane.db.engine import SystemSite
from tests.factories import Person, new_email, new_password
from tests.replica import Replica


async def test_a_newcomer_registers_and_is_known(replica: Replica):
    person = await Person(replica).register()
    profile = (await person.call("GET", "/v1/users/me")).json()
    assert profile["email"] == person.email
    assert (profile["role"], profile["tier"]) == ("user", "BASIC")
    assert profile["id"].startswith("usr-")


async def test_the_same_email_in_another_spelling_is_taken(replica: Replica):
    person = await Person(replica).register()
    body = {"email": f" {person.email.upper()} ", "password": new_password(), "name": "Other"}
    response = await person.call("POST", "/v1/auth/register", bearer="", json=body)
    assert response.status_code == 409
    assert response.json()["code"] == "email_taken"
    assert response.json()["errors"] == [{"pointer": "/email", "detail": "is taken"}]


async def test_parallel_registrations_of_one_email_make_one_account(replica: Replica):
    email = new_email()
    people = [Person(replica, email=email) for _ in range(5)]
    body = {"email": email, "password": new_password(), "name": "One"}
    answers = await asyncio.gather(
        *(person.call("POST", "/v1/auth/register", bearer="", json=body) for person in people)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "no address"}, "/email"),
        ({"email": "a@b"}, "/email"),
        ({"email": "x" * 2000}, "/email"),
        ({"password": "short"}, "/password"),
        ({"password": "a" * 20}, "/password"),
        ({"password": "x1y2z3" * 100}, "/password"),
        ({"name": ""}, "/name"),
        ({"name": "n" * 101}, "/name"),
        ({"name": 5}, "/name"),
        ({"name": None}, "/name"),
        ({"role": "admin"}, "/role"),
    ],
)
async def test_a_bad_field_is_named(replica: Replica, change: dict[str, object], pointer: str):
    person = Person(replica)
    body = {"email": person.email, "password": person.password, "name": "N"} | change
    response = await person.call("POST", "/v1/auth/register", bearer="", json=body)
    assert response.status_code == 422, response.text
    assert [entry["pointer"] for entry in response.json()["errors"]] == [pointer]


async def test_a_missing_field_is_named(replica: Replica):
    person = Person(replica)
    response = await person.call("POST", "/v1/auth/register", bearer="", json={"email": person.email})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/password"


async def test_the_right_password_opens_and_a_wrong_one_does_not(replica: Replica):
    person = await Person(replica).register()
    assert (await person.log_in()).status_code == 200
    person.password = new_password()
    refused = await person.log_in()
    assert refused.status_code == 401
    assert refused.json()["code"] == "invalid_credentials"


async def test_an_unknown_person_gets_the_answer_of_a_wrong_password(replica: Replica):
    known, unknown = await Person(replica).register(), Person(replica)
    known.password = new_password()
    first, second = (await known.log_in()).json(), (await unknown.log_in()).json()
    assert {**first, "requestId": ""} == {**second, "requestId": ""}


async def test_guessing_is_slowed_by_account_and_address_and_the_owner_still_gets_in(replica: Replica):
    owner = await Person(replica).register()
    guesser = Person(replica, email=owner.email)
    statuses = [(await guesser.log_in()).status_code for _ in range(12)]
    assert statuses[:10] == [401] * 10
    assert statuses[10:] == [429, 429]
    refused = await guesser.log_in()
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.json()["violatedPolicies"] == ["login-account-address"]
    assert (await owner.log_in()).status_code == 200


async def test_registration_can_be_closed(start_replica):
    closed = await start_replica(WAYPOST_REGISTRATION="closed")
    person = Person(closed)
    body = {"email": person.email, "password": person.password, "name": "N"}
    response = await person.call("POST", "/v1/auth/register", bearer="", json=body)
    assert (response.status_code, response.json()["code"]) == (403, "registration_closed")


async def test_an_old_hash_is_replaced_at_the_next_login(replica: Replica, people):
    person = await people()
    weak = CryptContext(schemes=["argon2"], argon2__memory_cost=8192, argon2__time_cost=1)
    await people.change(person, password_hash=weak.hash(person.password))
    assert (await person.log_in()).status_code == 200
    async with replica.parts.database.system(SystemSite.ADMIN) as session:
        stored = await session.scalar(select(User.password_hash).where(User.email == person.email))
    assert stored is not None
    assert "m=19456,t=2,p=1" in stored
    assert (await person.log_in()).status_code == 200


async def test_a_full_hashing_queue_is_told_and_not_waited_for(start_replica):
    small = await start_replica(WAYPOST_HASHING_THREADS="1", WAYPOST_HASHING_QUEUE="1")
    people = [Person(small) for _ in range(12)]
    answers = await asyncio.gather(*(person.log_in() for person in people))
    statuses = {answer.status_code for answer in answers}
    assert statuses == {401, 503}
    busy = next(answer for answer in answers if answer.status_code == 503)
    assert busy.json()["code"] == "hashing_busy"
    assert busy.headers["retry-after"] == "1"
    assert (await people[0].log_in()).status_code == 401
