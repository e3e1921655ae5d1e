"""What an account does with itself."""

import pytest

from tests.factories import People, Person, new_email, new_password
from tests.integration.test_refresh import eventually_refused, refresh
from tests.replica import Replica


async def test_name_and_email_are_changed(people: People):
    person = await people()
    email = new_email()
    body = {"name": "Another Name", "email": email.upper(), "currentPassword": person.password}
    changed = await person.call("PATCH", "/v1/users/me", json=body)
    assert changed.status_code == 200, changed.text
    assert (changed.json()["name"], changed.json()["email"]) == ("Another Name", email)
    person.email = email
    assert (await person.log_in()).status_code == 200


async def test_the_email_changes_only_with_the_password(people: People):
    person = await people()
    for extra in ({}, {"currentPassword": new_password()}):
        answer = await person.call("PATCH", "/v1/users/me", json={"email": new_email(), **extra})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/currentPassword"


async def test_an_email_of_somebody_else_cannot_be_taken(people: People):
    person, other = await people(), await people()
    body = {"email": other.email, "currentPassword": person.password}
    answer = await person.call("PATCH", "/v1/users/me", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


async def test_a_new_password_ends_every_login_on_every_replica(people: People, start_replica):
    person = await people()
    another_replica = await start_replica()
    elsewhere = Person(another_replica, email=person.email, password=person.password)
    elsewhere.take((await elsewhere.log_in()).json())
    assert (await elsewhere.call("GET", "/v1/users/me")).status_code == 200

    old_token = person.access_token
    new = new_password()
    body = {"currentPassword": person.password, "newPassword": new}
    changed = await person.call("POST", "/v1/users/me/password", json=body)
    assert changed.status_code == 200
    await eventually_refused(elsewhere)
    assert (await refresh(elsewhere)).status_code == 401
    assert (await person.call("GET", "/v1/users/me", bearer=old_token)).status_code == 401
    person.take(changed.json())
    assert (await person.call("GET", "/v1/users/me")).status_code == 200
    assert (await person.log_in()).status_code == 401
    person.password = new
    assert (await person.log_in()).status_code == 200


@pytest.mark.parametrize("new", ["short", "aaaaaaaaaaaaaaa", "x1y2" * 65])
async def test_a_bad_new_password_changes_nothing(people: People, new: str):
    person = await people()
    body = {"currentPassword": person.password, "newPassword": new}
    assert (await person.call("POST", "/v1/users/me/password", json=body)).status_code == 422
    assert (await person.call("GET", "/v1/users/me")).status_code == 200


async def test_deleting_the_account_takes_all_of_it_away(replica: Replica, people: People):
    person = await people()
    key = (await person.new_key())["key"]
    assert (
        await person.call("DELETE", "/v1/users/me", json={"password": "wrong password"})
    ).status_code == 422
    deleted = await person.call("DELETE", "/v1/users/me", json={"password": person.password})
    assert deleted.status_code == 204
    await eventually_refused(person)
    assert (await person.call("GET", "/v1/whoami", bearer=key)).status_code == 401
    assert (await person.log_in()).status_code == 401
    again = await Person(replica, email=person.email).register()
    assert (await again.call("GET", "/v1/api-keys")).json()["items"] == []


async def test_usage_tells_what_is_used_of_each_limit(people: People):
    person = await people()
    await person.new_key()
    usage = (await person.call("GET", "/v1/users/me/usage")).json()
    assert usage["tier"] == "MAX"
    assert usage["usage"]["apiKeys"] == {"used": 1, "limit": 200}
    assert usage["usage"]["sessions"] == {"used": 0, "limit": 20}
    assert usage["limits"]["requestsPerMinute"] == 3000


async def test_guessing_the_current_password_with_a_stolen_token_is_slowed(people: People):
    person = await people()
    body = {"currentPassword": "wrong password", "newPassword": new_password()}
    answers = [await person.call("POST", "/v1/users/me/password", json=body) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
