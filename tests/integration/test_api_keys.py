"""API keys: shown once, scoped, expiring, revoked everywhere within a second."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from control_plane.accounts.api_keys import checksum
from control_plane.accounts.models import ApiKey
from control_plane.db.engine import SystemSite
from control_plane.http.principal import Scope
from control_plane.tiers.limits import Tier
from tests.factories import People, Person
from tests.replica import Replica
from tests.waiting import until


async def test_a_key_is_shown_once_and_stored_as_a_hash(replica: Replica, people: People):
    person = await people()
    created = await person.new_key(name="server")
    secret = created["key"].split("_")[3]
    listed = (await person.call("GET", "/v1/api-keys")).json()["items"]
    assert [key["name"] for key in listed] == ["server"]
    assert "key" not in listed[0]
    assert secret not in str(listed)
    async with replica.parts.database.system(SystemSite.ADMIN) as session:
        row = await session.scalar(select(ApiKey).where(ApiKey.key_id == created["key"].split("_")[2]))
    assert row is not None
    assert secret.encode() not in row.digest


async def test_a_key_speaks_for_its_account(people: People):
    person = await people()
    created = await person.new_key()
    known = (await person.call("GET", "/v1/whoami", bearer=created["key"])).json()
    assert (known["userId"], known["method"], known["apiKeyId"]) == (person.id, "api_key", created["id"])
    assert known["keyMode"] == "live"
    assert set(known["scopes"]) == set(Scope)


async def test_a_key_does_not_manage_accounts(people: People):
    person = await people()
    key = (await person.new_key())["key"]
    for method, path in [
        ("GET", "/v1/users/me"),
        ("GET", "/v1/api-keys"),
        ("POST", "/v1/api-keys"),
        ("GET", "/v1/admin/users"),
    ]:
        answer = await person.call(method, path, bearer=key)
        assert answer.status_code == 403, path
        assert answer.json()["code"] in {"credential_not_accepted", "forbidden"}


async def test_a_missing_scope_is_named(people: People):
    person = await people()
    key = (await person.new_key(scopes=["messages:send"]))["key"]
    answer = await person.call("GET", "/v1/users/me/usage", bearer=key)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert answer.json()["requiredScope"] == "usage:read"
    right = (await person.new_key(scopes=["usage:read"]))["key"]
    assert (await person.call("GET", "/v1/users/me/usage", bearer=right)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": ["all"]},
        {"name": "x", "expiresAt": "2020-01-01T00:00:00Z"},
        {"name": "x", "expiresAt": "2999-01-01T00:00:00"},
        {"name": "x", "expiresAt": "soon"},
        {"name": "x", "mode": "prod"},
        {"scopes": []},
    ],
)
async def test_a_bad_request_for_a_key_is_refused(people: People, body: dict[str, object]):
    person = await people()
    assert (await person.call("POST", "/v1/api-keys", json=body)).status_code == 422


async def test_a_key_ends_when_it_expires(people: People):
    person = await people()
    end = datetime.now(UTC) + timedelta(seconds=0.4)
    key = (await person.new_key(expiresAt=end.isoformat()))["key"]
    assert (await person.call("GET", "/v1/whoami", bearer=key)).status_code == 200
    await until_refused(person, key, "token_expired")
    assert datetime.now(UTC) >= end


async def test_a_typing_error_costs_no_query(people: People, monkeypatch):
    person = await people()
    key = (await person.new_key())["key"]
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")

    def no_query(*_: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(type(person.replica.parts.credentials), "_look_up", no_query)
    answer = await person.call("GET", "/v1/whoami", bearer=wrong)
    assert answer.status_code == 401
    assert "checksum" in answer.json()["detail"]


async def test_a_secret_of_another_key_does_not_open_this_one(people: People):
    person = await people()
    one, other = [(await person.new_key())["key"] for _ in range(2)]
    body = "_".join([*one.split("_")[:3], other.split("_")[3][:-6]])
    answer = await person.call("GET", "/v1/whoami", bearer=body + checksum(body))
    assert answer.status_code == 401


async def test_revoking_counts_on_every_replica_within_a_second(people: People, start_replica):
    person = await people()
    other = await start_replica()
    created = await person.new_key()
    for replica in (person.replica, other):
        assert (await person.call("GET", "/v1/whoami", bearer=created["key"], on=replica)).status_code == 200
    assert (await person.call("DELETE", f"/v1/api-keys/{created['id']}")).status_code == 204
    for replica in (person.replica, other):
        await until_refused(person, created["key"], "unauthorized", on=replica)
    assert (await person.call("DELETE", f"/v1/api-keys/{created['id']}")).status_code == 404


async def test_foreign_and_unknown_keys_get_the_same_answer(people: People):
    owner, stranger = await people(), await people()
    foreign = (await owner.new_key())["id"]
    unknown = "key-" + "0" * 8 + "-0000-7000-8000-" + "0" * 12
    answers = [await stranger.call("DELETE", f"/v1/api-keys/{i}") for i in (foreign, unknown, "key-x", "x")]
    bodies = [{**answer.json(), "requestId": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert all(body == bodies[0] for body in bodies)
    assert (await owner.call("GET", "/v1/api-keys")).json()["items"][0]["id"] == foreign


async def test_the_last_use_is_noted(people: People):
    person = await people()
    key = (await person.new_key())["key"]
    await person.call("GET", "/v1/whoami", bearer=key)
    await person.replica.parts.credentials.flush_used_keys()
    listed = (await person.call("GET", "/v1/api-keys")).json()["items"][0]
    assert listed["lastUsedAt"] is not None


async def test_keys_are_listed_page_by_page(people: People):
    person = await people()
    made = [(await person.new_key(name=f"key {n}"))["id"] for n in range(5)]
    seen, cursor, pages = [], "", 0
    while True:
        page = (await person.call("GET", f"/v1/api-keys?limit=2&cursor={cursor}")).json()
        seen += [key["id"] for key in page["items"]]
        pages += 1
        if page["nextCursor"] is None:
            break
        cursor = page["nextCursor"]
    assert (seen, pages) == (made[::-1], 3)


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=junk", "cursor=" + "a" * 600])
async def test_a_bad_page_is_refused(people: People, query: str):
    person = await people()
    assert (await person.call("GET", f"/v1/api-keys?{query}")).status_code == 422


async def test_a_cursor_of_somebody_else_is_refused(people: People):
    one, other = await people(), await people()
    for _ in range(2):
        await one.new_key()
    cursor = (await one.call("GET", "/v1/api-keys?limit=1")).json()["nextCursor"]
    assert (await other.call("GET", f"/v1/api-keys?cursor={cursor}")).json()["code"] == "invalid_cursor"


async def test_parallel_creates_never_exceed_the_tier(people: People):
    person = await people(tier=Tier.BASIC)
    await people.change(person, limit_overrides={"requestsPerMinute": 1000})
    answers = await asyncio.gather(
        *(person.call("POST", "/v1/api-keys", json={"name": "x"}) for _ in range(30))
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] * 10 + [403] * 20
    refused = next(answer for answer in answers if answer.status_code == 403).json()
    assert (refused["code"], refused["limit"]) == ("tier_limit_reached", 10)
    listed = (await person.call("GET", "/v1/api-keys")).json()["items"]
    assert len(listed) == 10
    await person.call("DELETE", f"/v1/api-keys/{listed[0]['id']}")
    assert (await person.call("POST", "/v1/api-keys", json={"name": "x"})).status_code == 201
    assert (await person.call("POST", "/v1/api-keys", json={"name": "x"})).status_code == 403


async def until_refused(person: Person, key: str, code: str, on: Replica | None = None) -> None:
    codes = []

    async def refused() -> bool:
        answer = await person.call("GET", "/v1/whoami", bearer=key, on=on)
        codes.append(answer.json().get("code"))
        return answer.status_code == 401

    await until(refused)
    assert codes[-1] == code
