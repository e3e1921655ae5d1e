"""What administrators do with the fleet, and that nobody else may."""

import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from control_plane.http.principal import Role
from tests.factories import People, Person
from tests.fleet_client import Fleet, FleetWorker
from tests.replica import Replica

WORKERS = "/v1/workers"
CALLS = [
    ("GET", ""),
    ("POST", ""),
    ("GET", "/w-1"),
    ("PUT", "/w-1"),
    ("DELETE", "/w-1"),
    ("POST", "/w-1/drain"),
    ("POST", "/w-1/resume"),
    ("GET", "/w-1/events"),
    ("GET", "/statistics"),
    ("GET", "/placement"),
    ("POST", "/health-check"),
    ("POST", "/commands"),
    ("GET", "/join-tokens"),
    ("POST", "/join-tokens"),
    ("DELETE", "/join-tokens/join-x"),
]


class AdministeredFleet(Fleet):
    """Each worker joins with a token that the administrator made for it."""

    def __init__(self, replica: Replica, admin: Person, person: Person) -> None:
        super().__init__(replica)
        self.admin = admin
        self.person = person

    async def call(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        answer = await self.admin.call(method, WORKERS + path, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def join_token(self, **body: Any) -> dict[str, Any]:
        made: dict[str, Any] = await self.call("POST", "/join-tokens", 201, json={"name": "n", **body})
        return made

    async def worker(self, worker_id: str = "", **changes: Any) -> FleetWorker:
        token = (await self.join_token())["token"]
        here = {"endpoint": f"http://{worker_id}:1", "token": token}
        return await super().worker(worker_id, **here | changes)

    async def start(self, name: str) -> str:
        return await self.running(self.person, name, sandbox=True)

    async def runs_on(self, name: str) -> str | None:
        found: str | None = (await self.person.call("GET", f"/v1/sessions/{name}")).json()["workerId"]
        return found


@pytest.fixture
def fleet_settings() -> dict[str, str]:
    """No configured token opens this fleet, and nobody in it falls silent by being slow."""
    return {"WAYPOST_LEASE_SECONDS": "600"}


@pytest.fixture
async def fleet(fleet: Fleet) -> AdministeredFleet:
    return AdministeredFleet(fleet.replica, await fleet.people(role=Role.ADMIN), await fleet.owner())


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_users_and_keys_are_refused(people: People, method: str, path: str):
    person, admin = await people(), await people(role=Role.ADMIN)
    key = (await admin.new_key())["key"]
    for answer in (
        await person.call(method, WORKERS + path, json={}),
        await admin.call(method, WORKERS + path, json={}, bearer=key),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("worker_id", ["nobody", "Register", "%00", "-", "x" * 80])
async def test_an_unknown_worker_is_not_found(people: People, worker_id: str):
    admin = await people(role=Role.ADMIN)
    for method, path in CALLS:
        if "w-1" in path:
            where = WORKERS + path.replace("w-1", worker_id)
            if (method, worker_id) != ("POST", "Register"):
                assert (await admin.call(method, where, json={})).status_code == 404, (method, where)


async def test_a_worker_is_announced_changed_and_shown(fleet: AdministeredFleet):
    body = {"id": " Worker_One ", "capacityOverride": 5, "weight": 2.5, "labels": {"zone": "a"}}
    made = await fleet.call("POST", "", 201, json=body)
    assert (made["id"], made["state"], made["capacityOverride"]) == ("worker-one", "offline", 5)
    worker = await fleet.worker("worker-one", capacity=50)
    seen = await fleet.call("GET", "/Worker_One")
    assert (seen["state"], seen["capacity"], seen["capacityOverride"]) == ("online", 50, 5)
    assert (seen["restarts"], seen["labels"]) == (0, {"zone": "a"})
    assert (seen["weight"], seen["assigned"], seen["incarnation"]) == (2.5, 0, worker.incarnation)
    changed = await fleet.call("PUT", "/worker-one", json={"capacityOverride": None, "labels": {"zone": "b"}})
    assert (changed["capacityOverride"], changed["weight"]) == (None, 2.5)
    assert changed["labels"] == {"zone": "b"}
    text = str(await fleet.call("GET", "")) + str(seen) + str(await fleet.call("GET", "/worker-one/events"))
    assert "wpw_" not in text
    assert "token" not in text.lower()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"id": "Statistics"}, "/id"),
        ({"id": "join tokens"}, "/id"),
        ({"id": "é"}, "/id"),
        ({"id": "w-1", "weight": -1}, "/weight"),
        ({"id": "w-1", "capacityOverride": 10**6}, "/capacityOverride"),
        ({"id": "w-1", "labels": {"a": "x" * 300}}, None),
        ({"id": "w-1", "labels": {"a": "\0"}}, None),
        ({"id": "w-1", "endpoint": "ftp://x"}, "/endpoint"),
        ({"id": "w-1", "token": "x"}, None),
        ({}, None),
    ],
)
async def test_a_bad_announcement_is_refused(people: People, body: dict[str, Any], pointer: str | None):
    admin = await people(role=Role.ADMIN)
    answer = await admin.call("POST", WORKERS, json=body)
    assert answer.status_code == 422, answer.text
    if pointer is not None:
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_an_id_or_an_endpoint_that_another_one_has_is_refused(fleet: AdministeredFleet):
    await fleet.worker("w-1")
    taken = await fleet.call("POST", "", 409, json={"id": "W 1"})
    assert (taken["code"], taken["errors"]) == (
        "worker_id_taken",
        [{"pointer": "/id", "detail": "is taken"}],
    )
    refused = await fleet.call("POST", "", 409, json={"id": "w-2", "endpoint": "http://w-1:1/"})
    assert refused["code"] == "duplicate_endpoint"


async def test_a_join_token_lets_workers_in_until_it_is_revoked(fleet: AdministeredFleet):
    made = await fleet.join_token()
    assert made["token"].startswith("wpj_")
    worker = FleetWorker(fleet.replica, "w-1")
    assert (await worker.try_to_register(made["token"])).status_code == 200
    (listed,) = (await fleet.call("GET", "/join-tokens"))["items"]
    assert listed["id"] == made["id"]
    assert listed["lastUsedAt"]
    assert "token" not in listed
    await fleet.call("DELETE", f"/join-tokens/{made['id']}", 204)
    assert (await worker.try_to_register(made["token"])).status_code == 401
    await fleet.call("DELETE", f"/join-tokens/{made['id']}", 404)
    (listed,) = (await fleet.call("GET", "/join-tokens"))["items"]
    assert listed["revokedAt"]


async def test_a_repetition_never_shows_a_join_token_again(people: People):
    admin = await people(role=Role.ADMIN)
    headers = {"Idempotency-Key": os.urandom(8).hex()}
    first, second = [
        (await admin.call("POST", f"{WORKERS}/join-tokens", json={"name": "n"}, headers=headers)).json()
        for _ in range(2)
    ]
    assert first["token"]
    assert second == {**first, "token": None}


@pytest.mark.parametrize("expires_at", ["2020-01-01T00:00:00Z", "2090-01-01T00:00:00", "soon"])
async def test_a_join_token_that_could_never_be_used_is_refused(people: People, expires_at: str):
    admin = await people(role=Role.ADMIN)
    body = {"name": "n", "expiresAt": expires_at}
    assert (await admin.call("POST", f"{WORKERS}/join-tokens", json=body)).status_code == 422


async def test_a_drained_worker_hands_its_sessions_over_and_takes_none_until_it_resumes(
    fleet: AdministeredFleet,
):
    one = await fleet.worker("w-1")
    await fleet.start("shop")
    await one.obey()
    await fleet.worker("w-2")
    drained = await fleet.call("POST", "/w-1/drain", 202)
    assert (drained["moving"], drained["staying"]) == (1, 0)
    assert drained["worker"]["state"] == "draining"
    answer = await one.obey()
    assert (await fleet.call("GET", "/w-1"))["state"] == "draining"
    await one.hand_over(answer)
    assert await fleet.runs_on("shop") == "w-2"
    await fleet.start("second")
    assert await fleet.runs_on("second") == "w-2"
    assert (await fleet.call("POST", "/w-1/resume"))["state"] == "online"
    await fleet.start("third")
    assert await fleet.runs_on("third") == "w-1"
    events = [event["kind"] for event in (await fleet.call("GET", "/w-1/events"))["items"]]
    assert events == ["resumed", "draining", "registered"]


async def test_a_session_that_nobody_can_take_runs_on(fleet: AdministeredFleet):
    one = await fleet.worker("w-1")
    await fleet.start("shop")
    await fleet.start("store")
    await one.obey()
    await fleet.worker("w-2", capacity=1)
    drained = await fleet.call("POST", "/w-1/drain", 202)
    assert (drained["moving"], drained["staying"]) == (1, 1)
    assert len((await one.obey())["stop"]) == 1
    again = await fleet.call("POST", "/w-1/drain", 202)
    assert (again["moving"], again["staying"]) == (1, 1)


async def test_a_resumed_worker_keeps_what_has_not_left(fleet: AdministeredFleet):
    one = await fleet.worker("w-1")
    await fleet.start("shop")
    await one.obey()
    await fleet.worker("w-2")
    await fleet.call("POST", "/w-1/drain", 202)
    await fleet.call("POST", "/w-1/resume")
    assert (await one.obey())["stop"] == []


async def test_a_worker_in_use_is_deleted_by_force_alone_and_its_sessions_move(fleet: AdministeredFleet):
    one = await fleet.worker("w-1")
    await fleet.start("shop")
    await one.obey()
    assert (await fleet.call("DELETE", "/w-1", 409))["code"] == "worker_in_use"
    await fleet.worker("w-2")
    await fleet.call("DELETE", "/W_1", 204, params={"force": "true"})
    assert await fleet.runs_on("shop") == "w-2"
    await fleet.call("GET", "/w-1", 404)
    refused = await one.try_to_beat(*one.states())
    assert (refused.status_code, refused.json()["code"]) == (409, "incarnation_replaced")
    kinds = [event["kind"] for event in (await fleet.call("GET", "/w-1/events"))["items"]]
    assert kinds == ["deleted", "left", "registered"]
    assert (await fleet.call("GET", "/statistics"))["repairs"] == []


async def test_sessions_of_a_deleted_worker_wait_when_nobody_has_room(fleet: AdministeredFleet):
    one = await fleet.worker("w-1")
    await fleet.start("shop")
    await one.obey()
    await fleet.call("DELETE", "/w-1", 204, params={"force": "true"})
    session = (await fleet.person.call("GET", "/v1/sessions/shop")).json()
    assert (session["status"], session["statusReason"]) == ("recovering", "no_worker")
    assert session["workerId"] is None


async def test_a_worker_without_sessions_is_deleted_and_its_token_never_comes_to_life_again(
    fleet: AdministeredFleet,
):
    one = await fleet.worker("w-1")
    await fleet.call("DELETE", "/w-1", 204)
    again = await fleet.worker("w-1")
    assert again.incarnation > one.incarnation
    refused = await one.try_to_beat(*one.states())
    assert (refused.status_code, refused.json()["code"]) == (409, "incarnation_replaced")


async def test_the_statistics_add_up(fleet: AdministeredFleet):
    await fleet.worker("w-1", capacity=4)
    await fleet.worker("w-2", capacity=4)
    await fleet.call("POST", "", 201, json={"id": "w-3"})
    for name in ("shop", "store", "stand"):
        await fleet.start(name)
    await fleet.worker("w-1", capacity=4)
    told = await fleet.call("GET", "/statistics")
    assert told["workers"] == {"online": 2, "draining": 0, "offline": 1}
    assert (told["capacity"], told["used"], told["restarts"]) == (8, 3, 1)
    assert sum(told["sessions"].values()) == 3
    assert told["spread"] == {"least": 0.25, "most": 0.5, "difference": 0.25}


async def test_placement_is_explained(fleet: AdministeredFleet):
    empty = await fleet.call("GET", "/placement?explain=true")
    assert (empty["workerId"], empty["scores"]) == (None, [])
    await fleet.worker("w-1", capacity=1)
    session = await fleet.start("shop")
    await fleet.worker("w-2", sandbox=False)
    await fleet.worker("w-3")
    await fleet.call("POST", "/w-3/drain", 202)
    told = await fleet.call("GET", "/placement", params={"explain": "true", "session": session})
    assert told["workerId"] is None
    assert {each["workerId"]: each["whyNot"] for each in told["scores"]} == {
        "w-1": "is full (1 of 1)",
        "w-2": "runs no sandbox sessions",
        "w-3": "is draining",
    }
    assert set(told["scores"][0]["parts"]) == set(told["weights"])
    assert await fleet.call("GET", "/placement") == {**told, "workerId": "w-2", "scores": []}
    for unknown in ("shop", "ses-00000000-0000-7000-8000-000000000000"):
        await fleet.call("GET", f"/placement?session={unknown}", 404)


@pytest.fixture
async def somebody() -> AsyncIterator[str]:
    """Answers a probe, and always as the same worker."""

    async def standing(_request: web.Request) -> web.Response:
        return web.json_response({"workerId": "good", "incarnation": 1})

    app = web.Application()
    app.router.add_get("/standing", standing)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield str(runner.addresses[0][1])
    await runner.cleanup()


async def test_a_health_check_tells_what_is_the_matter_with_each(fleet: AdministeredFleet, somebody: str):
    with socket.socket() as closed:
        # Bound and not listening: whoever connects is refused.
        closed.bind(("127.0.0.1", 0))
        await fleet.worker("good", endpoint=f"http://127.0.0.1:{somebody}")
        await fleet.worker("stranger", endpoint=f"http://localhost:{somebody}")
        await fleet.worker("gone", endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}")
        await fleet.call("POST", "", 201, json={"id": "announced"})
        checked = await fleet.call("POST", "/health-check")
        commanded = await fleet.call("POST", "/commands", json={"command": "health"})
    found = {each["workerId"]: each for each in checked["results"]}
    assert {name: each["trouble"] for name, each in found.items()} == {
        "good": "",
        "stranger": "bad_answer",
        "gone": "refused",
        "announced": "offline",
    }
    assert found["good"]["ok"]
    assert "nobody listens" in found["gone"]["detail"]
    assert checked["summary"] == {"workers": 4, "healthy": 1, "unhealthy": 2, "offline": 1}
    assert commanded["results"] == checked["results"]


async def test_a_health_check_asks_again_where_the_line_broke(fleet: AdministeredFleet):
    asked: list[web.Request] = []

    async def standing(request: web.Request) -> web.Response:
        asked.append(request)
        if len(asked) == 1:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"workerId": "good", "incarnation": 1})

    app = web.Application()
    app.router.add_get("/standing", standing)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await fleet.worker("good", endpoint=f"http://127.0.0.1:{runner.addresses[0][1]}")
        checked = await fleet.call("POST", "/health-check")
    finally:
        await runner.cleanup()
    assert (checked["summary"]["healthy"], len(asked)) == (1, 2)


async def test_one_command_reaches_all_workers(fleet: AdministeredFleet):
    one = await fleet.worker("w-1")
    await fleet.worker("w-2")
    await fleet.start("shop")
    await one.obey()
    drained = await fleet.call("POST", "/commands", json={"command": "drain"})
    assert [(each["workerId"], each["state"]) for each in drained["results"]] == [
        ("w-1", "draining"),
        ("w-2", "draining"),
    ]
    # Nobody is left to take it.
    assert (await one.obey())["stop"] == []
    resumed = await fleet.call("POST", "/commands", json={"command": "resume"})
    assert {each["state"] for each in resumed["results"]} == {"online"}
    assert (await fleet.call("GET", "/statistics"))["workers"]["online"] == 2
    await fleet.call("POST", "/commands", 422, json={"command": "explode"})
