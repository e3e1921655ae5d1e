"""Workers join with a token, are who they were when they come back, and reach nothing of each other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control_plane.db.engine import SystemSite
from control_plane.fleet.models import JoinToken
from control_plane.fleet.tokens import join_digests
from control_plane.supervision.registration import RESERVED
from tests.fleet_client import JOIN_TOKEN, Fleet, FleetWorker

ROUTES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "/heartbeat", {"incarnation": 1}),
    ("GET", "/sessions/assigned", None),
    ("POST", "/sessions/recovery-status", {"results": []}),
    ("POST", "/sessions/released", {"incarnation": 1, "sessions": []}),
    ("POST", "/events", {"spool": "s", "events": []}),
    ("GET", "/stream", None),
]


async def test_a_worker_that_joins_is_told_all_that_it_needs(fleet: Fleet):
    registered = await FleetWorker(fleet.replica, "Worker_One").register(labels={"zone": "a"})
    assert registered.pop("token").startswith("wpw_worker-one_1_")
    assert registered == {
        "workerId": "worker-one",
        "incarnation": 1,
        "recoveryRequired": False,
        "assignedSessionCount": 0,
        "heartbeatInterval": 3,
        "leaseSeconds": 15,
    }
    row = await fleet.worker_row("worker-one")
    assert (row.labels, row.capacity, row.sandbox, row.restarts) == ({"zone": "a"}, 100, True, 0)
    await FleetWorker(fleet.replica, "worker one").register()
    assert (await fleet.worker_row("worker-one")).restarts == 1


@pytest.mark.parametrize(
    "worker_id", [*sorted(RESERVED), "Health_Check", "", "-", "../x", "a/b", "a" * 51, "é", "w\u202e"]
)
async def test_ids_that_are_reserved_or_none_are_refused(fleet: Fleet, worker_id: str):
    answer = await FleetWorker(fleet.replica, "x").try_to_register(workerId=worker_id)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_id")


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "ftp://10.0.0.1"},
        {"endpoint": "http://"},
        {"endpoint": "http://10.0.0.1:port"},
        {"endpoint": "http://10.0.0.1/?x=1"},
        {"endpoint": "http://" + "h" * 300},
        {"capacity": -1},
        {"capacity": 10**9},
        {"capacity": "many"},
        {"store": "floppy"},
    ],
    ids=str,
)
async def test_a_registration_that_makes_no_sense_is_refused(fleet: Fleet, changes: dict[str, Any]):
    worker = FleetWorker(fleet.replica)
    assert (await worker.try_to_register(**changes)).status_code == 422


async def test_an_endpoint_of_a_worker_that_lives_is_refused(fleet: Fleet):
    first, second = await fleet.worker(), FleetWorker(fleet.replica)
    answer = await second.try_to_register(endpoint=first.endpoint.upper().replace("HTTP", "http") + "/")
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate_endpoint")
    await first.register()
    await fleet.take_over(first)
    assert (await second.try_to_register(endpoint=first.endpoint)).status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", JOIN_TOKEN + "x", "x" * 5_000])
async def test_a_wrong_join_token_lets_nobody_in(fleet: Fleet, token: str):
    worker = FleetWorker(fleet.replica)
    answer = await worker.try_to_register(token=token)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert "WWW-Authenticate" in answer.headers


async def test_a_join_token_of_the_database_counts_until_it_expires_or_is_revoked(fleet: Fleet):
    keyring = fleet.replica.parts.keyring
    soon, past = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1)
    rows = {"good": (None, None), "timed": (soon, None), "expired": (past, None), "revoked": (None, past)}
    async with fleet.replica.parts.database.system(SystemSite.WORKERS) as db:
        for name, (expires, revoked) in rows.items():
            digest = join_digests(keyring, f"canary-{name}")[0]
            db.add(JoinToken(name=name, digest=digest, expires_at=expires, revoked_at=revoked))
    found = {
        name: (await FleetWorker(fleet.replica).try_to_register(token=f"canary-{name}")).status_code
        for name in rows
    }
    assert found == {"good": 200, "timed": 200, "expired": 401, "revoked": 401}


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=lambda part: str(part)[:25])
async def test_another_worker_is_answered_as_one_that_does_not_exist(
    fleet: Fleet, method: str, path: str, body: dict[str, Any] | None
):
    mine, other = await fleet.worker(), await fleet.worker()
    addresses = [f"/v1/workers/{name}{path}" for name in (other.id, "never-was", other.id.upper())]
    answers = [await mine.call(method, address, json=body) for address in addresses]
    bodies = [{**answer.json(), "requestId": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert all(one == bodies[0] for one in bodies)


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=lambda part: str(part)[:25])
async def test_only_the_token_of_an_incarnation_opens_the_calls_of_workers(
    fleet: Fleet, method: str, path: str, body: dict[str, Any] | None
):
    worker, person = await fleet.worker(), await fleet.owner()
    head, _, mac = worker.token.rpartition("_")
    forged = [
        head + "_" + "0" * 64,
        worker.token.replace("_1_", "_2_"),
        f"{head}_{mac[:-1]}",
        worker.token + "\u00e9".encode().hex(),
        JOIN_TOKEN,
        person.access_token,
        "",
    ]
    for token in forged:
        answer = await worker.call(method, path, token=token, json=body)
        assert answer.status_code == 401, token
    asked = await person.call("GET", "/v1/sessions", bearer=worker.token)
    assert asked.status_code == 401


async def test_a_body_that_is_no_batch_is_refused(fleet: Fleet):
    worker = await fleet.worker()
    bodies: list[Any] = [{}, [], {"spool": "s", "events": [{"position": 1}]}, {"spool": 1, "events": []}]
    for body in bodies:
        assert (await worker.call("POST", "/events", json=body)).status_code in {400, 422}
