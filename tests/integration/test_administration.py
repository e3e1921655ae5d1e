"""What administrators may do, and that nobody else may."""

import asyncio

import pytest

from control_plane.db import migrations
from control_plane.http.principal import Role
from control_plane.tiers.limits import Tier
from tests.factories import People, Person, new_email, new_password
from tests.waiting import until

PATH = "/v1/admin/users"


async def change(admin: Person, person: Person, **body: object):
    return await admin.call("PATCH", f"{PATH}/{person.id}", json=body)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", PATH), ("POST", PATH), ("GET", "{}"), ("PATCH", "{}"), ("DELETE", "{}")],
)
async def test_others_are_refused(people: People, method: str, path: str):
    person, other = await people(), await people()
    answer = await person.call(method, path.format(f"{PATH}/{other.id}"), json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_key_of_an_admin_is_no_admin(people: People):
    admin = await people(role=Role.ADMIN)
    key = (await admin.new_key())["key"]
    assert (await admin.call("GET", PATH, bearer=key)).status_code == 403


async def test_a_tier_is_changed_and_counts_at_once(people: People):
    admin, person = await people(role=Role.ADMIN), await people(tier=Tier.BASIC)
    answer = await change(admin, person, tier="PRO")
    assert answer.json()["tier"] == "PRO"
    assert answer.json()["limits"]["sessions"] == 5

    async def counts() -> bool:
        return bool((await person.call("GET", "/v1/whoami")).json()["tier"] == "PRO")

    await until(counts)


async def test_a_smaller_tier_deletes_nothing_and_allows_nothing_new(people: People):
    admin, person = await people(role=Role.ADMIN), await people(tier=Tier.PRO)
    for _ in range(12):
        await person.new_key()
    await change(admin, person, tier="BASIC")
    person.replica.parts.credentials.forget(None)
    refused = await person.call("POST", "/v1/api-keys", json={"name": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "tier_limit_reached")
    assert len((await person.call("GET", "/v1/api-keys")).json()["items"]) == 12
    usage = (await person.call("GET", "/v1/users/me/usage")).json()["usage"]
    assert usage["apiKeys"] == {"used": 12, "limit": 10}


async def test_a_number_is_overridden_for_one_account(people: People):
    admin, person = await people(role=Role.ADMIN), await people(tier=Tier.BASIC)
    answer = await change(admin, person, limitOverrides={"sessions": 3, "apiKeys": 0})
    limits = answer.json()["limits"]
    assert (limits["sessions"], limits["apiKeys"], limits["webhooks"]) == (3, 0, 2)
    person.replica.parts.credentials.forget(None)
    assert (await person.call("POST", "/v1/api-keys", json={"name": "x"})).status_code == 403
    cleared = await change(admin, person, limitOverrides={})
    assert cleared.json()["limits"]["sessions"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"tier": "GOLD"},
        {"role": "root"},
        {"limitOverrides": {"sessions": -1}},
        {"limitOverrides": {"requestsPerMinute": 0}},
        {"limitOverrides": {"sessions": 10**10}},
        {"limitOverrides": {"cars": 1}},
        {"limitOverrides": None},
        {"disabled": "yes"},
        {"password": "x"},
    ],
)
async def test_a_bad_change_is_refused(people: People, body: dict[str, object]):
    admin, person = await people(role=Role.ADMIN), await people()
    answer = await change(admin, person, **body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


@pytest.mark.parametrize("user_id", ["usr-00000000-0000-7000-8000-000000000000", "usr-x", "me", "%00"])
async def test_an_unknown_user_is_not_found(people: People, user_id: str):
    admin = await people(role=Role.ADMIN)
    for method in ("GET", "PATCH", "DELETE"):
        assert (await admin.call(method, f"{PATH}/{user_id}", json={})).status_code == 404


async def test_users_are_searched_and_listed_page_by_page(people: People):
    admin, mark = await people(role=Role.ADMIN), new_password()[-8:]
    made = []
    for number in range(3):
        body = {"email": new_email(), "password": new_password(), "name": f"{mark} {number}"}
        made.append((await admin.call("POST", PATH, json=body)).json()["id"])
    first = (await admin.call("GET", PATH, params={"q": mark, "limit": 2})).json()
    rest = (
        await admin.call("GET", PATH, params={"q": mark, "limit": 2, "cursor": first["nextCursor"]})
    ).json()
    assert [user["id"] for user in first["items"] + rest["items"]] == made[::-1]
    assert rest["nextCursor"] is None
    for pattern in ("%", "_" * 30, "\\"):
        assert (await admin.call("GET", PATH, params={"q": pattern})).json()["items"] == []


async def test_an_admin_makes_an_account_that_can_log_in(people: People):
    admin = await people(role=Role.ADMIN)
    made = Person(admin.replica)
    body = {"email": made.email, "password": made.password, "name": "Made", "tier": "PRO"}
    answer = await admin.call("POST", PATH, json=body)
    assert answer.status_code == 201
    assert answer.json()["tier"] == "PRO"
    assert (await made.log_in()).status_code == 200


async def test_a_deleted_user_is_gone(people: People):
    admin, person = await people(role=Role.ADMIN), await people()
    assert (await admin.call("DELETE", f"{PATH}/{person.id}")).status_code == 204
    assert (await admin.call("GET", f"{PATH}/{person.id}")).status_code == 404
    assert (await person.log_in()).status_code == 401


async def test_the_last_admin_stays_also_when_two_demote_each_other(start_replica, empty_database_url):
    await migrations.migrate(empty_database_url)
    lonely = await start_replica(WAYPOST_DATABASE_URL=empty_database_url)
    people = People(lonely)
    one, two = await people(role=Role.ADMIN), await people(role=Role.ADMIN)
    answers = await asyncio.gather(change(one, two, role="user"), change(two, one, role="user"))
    assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409])
    last, first = (one, two) if answers[0].status_code == 200 else (two, one)
    lonely.parts.credentials.forget(None)
    for refused in (
        await change(last, last, role="user"),
        await change(last, last, disabled=True),
        await last.call("DELETE", f"{PATH}/{last.id}"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "last_admin")
    assert (await change(last, first, disabled=True)).status_code == 200
