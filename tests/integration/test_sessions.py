"""The cards of sessions: made, found, changed and deleted, by their owner and by nobody else."""

import asyncio
from typing import Any

import pytest

from control_plane.tiers.limits import Tier
from tests.factories import People, Person

UNKNOWN = "ses-00000000-0000-7000-8000-000000000000"
ROUTES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "", None),
    ("PATCH", "", {"description": "mine now"}),
    ("DELETE", "", None),
    ("GET", "/qr", None),
    ("GET", "/timeline", None),
    ("GET", "/analytics", None),
    ("POST", "/set-primary", None),
    ("POST", "/connect", {"wait": 0}),
    ("POST", "/restart", None),
    ("POST", "/disconnect", None),
    ("POST", "/logout", None),
    ("POST", "/refresh-qr", None),
    ("GET", "/messages", None),
    ("POST", "/messages", {"to": "+4915112345678", "text": "hello"}),
]


async def make(person: Person, name: str = "shop", **body: Any) -> dict[str, Any]:
    answer = await person.call("POST", "/v1/sessions", json={"name": name, **body})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def listed(person: Person, bearer: str | None = None) -> list[dict[str, Any]]:
    answer = await person.call("GET", "/v1/sessions?limit=200", bearer=bearer)
    return list(answer.json()["items"])


async def test_a_session_is_found_by_id_and_by_every_form_of_its_name(people: People):
    person = await people()
    made = await make(person, " Shop_One ", description="the first", metadata={"branch": 7})
    assert (made["name"], made["status"], made["statusReason"]) == ("shop-one", "disconnected", "created")
    assert (made["workerId"], made["metadata"]) == (None, {"branch": 7})
    for reference in (made["id"], "shop-one", "Shop_One", "SHOP ONE"):
        found = await person.call("GET", f"/v1/sessions/{reference}")
        assert (found.status_code, found.json()) == (200, made), reference


async def test_a_name_that_is_taken_is_refused_in_every_form(people: People):
    person, other = await people(), await people()
    await make(person, "shop-one")
    for name in ("shop-one", "Shop_One", "shop one"):
        answer = await person.call("POST", "/v1/sessions", json={"name": name})
        assert (answer.status_code, answer.json()["code"]) == (409, "session_name_taken")
    await make(other, "shop-one")
    usage = (await person.call("GET", "/v1/users/me/usage")).json()
    assert usage["usage"]["sessions"]["used"] == 1


@pytest.mark.parametrize(
    "name",
    ["", " ", "-", "-a", "a-", "../up", "a/b", "a.b", "é", "a\u202eb", "a" * 51, "a" * 201, "a'--", UNKNOWN],
)
async def test_a_name_that_is_none_is_refused(people: People, name: str):
    person = await people()
    answer = await person.call("POST", "/v1/sessions", json={"name": name})
    assert answer.status_code == 422
    assert await listed(person) == []


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"x": "y" * 4096}},
        {"metadata": {"k" * 101: 1}},
        {"metadata": []},
        {"description": "d" * 501},
        {"description": "a\0b"},
        {"deviceName": ""},
        {"proxy": "ftp://proxy.example"},
        {"proxy": "socks5://"},
        {"proxy": "socks5://proxy.example:99999999"},
        {"proxy": "http://[::1"},
        {"proxy": "http://" + "p" * 600},
        {"unheardOf": 1},
    ],
    ids=str,
)
async def test_what_is_too_large_or_no_such_thing_is_refused(people: People, body: dict[str, Any]):
    person = await people()
    assert (await person.call("POST", "/v1/sessions", json={"name": "shop", **body})).status_code == 422
    await make(person)
    assert (await person.call("PATCH", "/v1/sessions/shop", json=body)).status_code == 422
    assert (await person.call("GET", "/v1/sessions/shop")).json()["metadata"] == {}


async def test_a_change_changes_what_it_names_and_nothing_else(people: People):
    person = await people()
    made = await make(person, description="before", proxy="socks5://name:canary-proxy@proxy.example:1080")
    assert made["hasProxy"] is True
    assert "canary-proxy" not in str(made)
    changed = (await person.call("PATCH", "/v1/sessions/shop", json={"name": "Other_Name"})).json()
    assert changed == {**made, "name": "other-name"}
    body = {"description": "", "proxy": None, "metadata": {"a": [1]}, "deviceName": "Till"}
    changed = (await person.call("PATCH", "/v1/sessions/other-name", json=body)).json()
    assert (changed["description"], changed["hasProxy"], changed["metadata"]) == ("", False, {"a": [1]})
    await make(person, "third")
    answer = await person.call("PATCH", "/v1/sessions/third", json={"name": "Other Name"})
    assert (answer.status_code, answer.json()["code"]) == (409, "session_name_taken")
    same = await person.call("PATCH", "/v1/sessions/third", json={"name": "THIRD"})
    assert same.status_code == 200


async def test_renames_to_one_name_at_the_same_time_give_it_to_one(people: People):
    person = await people()
    made = [(await make(person, f"shop-{number}"))["id"] for number in range(6)]
    answers = await asyncio.gather(
        *(person.call("PATCH", f"/v1/sessions/{one}", json={"name": "wanted"}) for one in made)
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5


async def test_a_deleted_session_is_gone_and_its_place_and_name_are_free(people: People):
    person = await people(tier=Tier.BASIC)
    made = await make(person)
    assert (await person.call("POST", "/v1/sessions", json={"name": "b"})).status_code == 403
    assert (await person.call("DELETE", f"/v1/sessions/{made['id']}")).status_code == 204
    for method in ("GET", "DELETE"):
        assert (await person.call(method, f"/v1/sessions/{made['id']}")).status_code == 404
    await make(person)


async def test_one_session_is_primary_whenever_there_is_any(people: People):
    person = await people()
    first, second, third = [await make(person, name) for name in ("a", "b", "c")]
    assert [one["isPrimary"] for one in (first, second, third)] == [True, False, False]
    chosen = await person.call("POST", "/v1/sessions/c/set-primary")
    assert (chosen.status_code, chosen.json()["isPrimary"]) == (200, True)
    assert await primaries(person) == ["c"]
    await person.call("DELETE", "/v1/sessions/b")
    assert await primaries(person) == ["c"]
    await person.call("DELETE", "/v1/sessions/c")
    assert await primaries(person) == ["a"]
    await person.call("DELETE", "/v1/sessions/a")
    assert (await make(person, "d"))["isPrimary"] is True


async def test_one_is_primary_whatever_happens_at_the_same_time(people: People):
    person = await people()
    for number in range(8):
        await make(person, f"shop-{number}")
    calls = [person.call("POST", f"/v1/sessions/shop-{number}/set-primary") for number in range(8)]
    calls += [person.call("DELETE", f"/v1/sessions/shop-{number}") for number in range(4)]
    calls += [person.call("POST", "/v1/sessions", json={"name": f"new-{number}"}) for number in range(4)]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} <= {200, 201, 204, 404}
    assert len(await primaries(person)) == 1


async def test_parallel_creates_never_exceed_the_tier(people: People):
    person = await people(tier=Tier.PRO)
    answers = await asyncio.gather(
        *(person.call("POST", "/v1/sessions", json={"name": f"s{number}"}) for number in range(100))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [403] * 95
    refused = next(answer for answer in answers if answer.status_code == 403).json()
    assert (refused["code"], refused["limit"]) == ("tier_limit_reached", 5)
    assert (len(await listed(person)), len(await primaries(person))) == (5, 1)


async def test_parallel_creates_of_one_name_make_one(people: People):
    person = await people()
    answers = await asyncio.gather(
        *(person.call("POST", "/v1/sessions", json={"name": "same"}) for _ in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert (await person.call("GET", "/v1/users/me/usage")).json()["usage"]["sessions"]["used"] == 1


async def test_a_test_key_sees_sandbox_sessions_only(people: People):
    person = await people()
    key = (await person.new_key(mode="test"))["key"]
    await make(person, "real")
    await make(person, "toy", sandbox=True)
    refused = await person.call("POST", "/v1/sessions", bearer=key, json={"name": "another"})
    assert (refused.status_code, refused.json()["code"]) == (403, "credential_not_accepted")
    allowed = await person.call("POST", "/v1/sessions", bearer=key, json={"name": "toys", "sandbox": True})
    assert allowed.status_code == 201
    assert {one["name"] for one in await listed(person, key)} == {"toy", "toys"}
    for method, path, body in ROUTES:
        answer = await person.call(method, f"/v1/sessions/real{path}", bearer=key, json=body)
        assert answer.status_code == 404, path
    assert (await person.call("GET", "/v1/sessions/toy", bearer=key)).status_code == 200
    bulk = {"action": "delete", "sessionIds": ["real"]}
    results = (await person.call("POST", "/v1/sessions/bulk", bearer=key, json=bulk)).json()["results"]
    assert results[0]["code"] == "not_found"


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=lambda part: str(part)[:20])
async def test_foreign_and_unknown_sessions_get_the_same_answer(
    people: People, method: str, path: str, body: dict[str, Any] | None
):
    owner, stranger = await people(), await people()
    made = await make(owner, "only-mine")
    references = (made["id"], UNKNOWN, "only-mine", "never-was", "ses-x", "%2e%2e")
    answers = [
        await stranger.call(method, f"/v1/sessions/{reference}{path}", json=body) for reference in references
    ]
    bodies = [{**answer.json(), "requestId": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [404] * len(references)
    assert all(one == bodies[0] for one in bodies)
    assert (await owner.call("GET", f"/v1/sessions/{made['id']}")).json() == made


async def test_a_bulk_call_tells_a_result_for_each_and_reaches_nothing_foreign(people: People):
    owner, stranger = await people(), await people()
    foreign = (await make(owner))["id"]
    await make(stranger, "mine")
    body = {"action": "delete", "sessionIds": ["mine", foreign, UNKNOWN, "mine"]}
    results = (await stranger.call("POST", "/v1/sessions/bulk", json=body)).json()["results"]
    assert [(one["done"], one["code"]) for one in results] == [
        (True, None),
        (False, "not_found"),
        (False, "not_found"),
    ]
    assert len(await listed(owner)) == 1


async def primaries(person: Person) -> list[str]:
    return [one["name"] for one in await listed(person) if one["isPrimary"]]
