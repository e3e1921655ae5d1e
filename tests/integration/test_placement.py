"""Who wants to connect gets a worker with room, evenly and never above capacity, or a clear answer."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from control_plane.db.engine import SystemSite
from control_plane.sessions.models import Pairing
from tests.fleet_client import JOIN_TOKEN, Fleet, bare, connect, qr, shown, state
from tests.waiting import until


@pytest.fixture
def fleet_settings() -> dict[str, str]:
    """No worker falls silent while a slow machine makes its hundred sessions."""
    return {
        "WAYPOST_JOIN_TOKENS": JOIN_TOKEN,
        "WAYPOST_LEASE_SECONDS": "600",
        "WAYPOST_ADDRESS_REQUESTS_PER_MINUTE": "100000",
    }


async def test_without_a_worker_connecting_is_refused_and_changes_nothing(fleet: Fleet):
    person = await fleet.owner()
    session = await fleet.session(person)
    before = (await person.call("GET", f"/v1/sessions/{session}")).json()
    answer = await connect(person, session)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_worker_available")
    assert (answer.json()["retryable"], answer.headers["Retry-After"]) == (True, "5")
    assert (await person.call("GET", f"/v1/sessions/{session}")).json() == before
    row = await fleet.row(session)
    assert (row.wanted, row.epoch, row.worker_id) == ("stop", 0, None)


async def test_connecting_places_the_session_and_the_next_heartbeat_starts_it(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    proxy = "socks5://name:canary-proxy@proxy.example:1080"
    session = await fleet.session(person, sandbox=True, deviceName="Till", proxy=proxy)
    answer = await connect(person, session)
    assert (answer.status_code, answer.json()["workerId"]) == (202, worker.id)
    assert (answer.json()["status"], answer.json()["qr"]) == ("initializing", None)
    expected = {
        "sessionId": bare(session),
        "epoch": 1,
        "sandbox": True,
        "deviceJid": None,
        "deviceName": "Till",
        "proxy": proxy,
        "pairingPhone": None,
    }
    for _ in range(2):
        assert (await worker.beat())["start"] == [expected]
    assert (await worker.beat(state(session, 1, "initializing")))["start"] == []
    assert (await connect(person, session)).status_code == 202
    assert (await fleet.row(session)).epoch == 1


async def test_a_hundred_at_once_spread_over_three_workers(fleet: Fleet):
    person = await fleet.owner(sessions=100)
    for number in range(3):
        await fleet.worker(f"worker-{number}", capacity=200)
    sessions = [await fleet.session(person, f"shop-{number}") for number in range(100)]
    answers = await asyncio.gather(*(connect(person, session) for session in sessions))
    assert {answer.text for answer in answers if answer.status_code != 202} == set()
    counts = Counter(answer.json()["workerId"] for answer in answers)
    assert all(abs(counts[f"worker-{number}"] - 100 / 3) <= 0.2 * 100 / 3 for number in range(3)), counts


async def test_a_hundred_at_once_never_go_above_the_capacity(fleet: Fleet):
    person = await fleet.owner(sessions=100)
    room = {"worker-0": 5, "worker-1": 11, "worker-2": 0}
    for name, capacity in room.items():
        await fleet.worker(name, capacity=capacity)
    sessions = [await fleet.session(person, f"shop-{number}") for number in range(100)]
    answers = await asyncio.gather(*(connect(person, session) for session in sessions))
    assert Counter(answer.status_code for answer in answers) == {202: 16, 503: 84}
    placed = Counter(answer.json()["workerId"] for answer in answers if answer.status_code == 202)
    assert placed == {"worker-0": 5, "worker-1": 11}


async def test_connecting_many_times_at_once_starts_it_once(fleet: Fleet):
    person, _ = await fleet.owner(), await fleet.worker()
    session = await fleet.session(person)
    answers = await asyncio.gather(*(connect(person, session) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert (await fleet.row(session)).epoch == 1


async def test_a_sandbox_session_goes_where_the_emulated_network_is(fleet: Fleet):
    person, _ = await fleet.owner(), await fleet.worker(sandbox=False)
    session = await fleet.session(person, sandbox=True)
    assert (await connect(person, session)).json()["code"] == "no_worker_available"
    right = await fleet.worker(sandbox=True)
    assert (await connect(person, session)).json()["workerId"] == right.id


async def test_a_code_that_comes_in_time_is_in_the_answer(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.session(person)
    asked = asyncio.create_task(connect(person, session, wait=20))

    async def placed() -> bool:
        return (await fleet.row(session)).epoch == 1

    await until(placed)
    await worker.tell(session, 1, qr("2@in-time"))
    assert (await asked).json()["qr"]["code"] == "2@in-time"


@pytest.mark.parametrize("body", [{"method": "code"}, {"method": "code", "phone": "no"}, {"wait": 31}])
async def test_a_wish_that_makes_no_sense_is_refused(fleet: Fleet, body: dict[str, object]):
    person, _ = await fleet.owner(), await fleet.worker()
    session = await fleet.session(person)
    assert (await connect(person, session, **body)).status_code == 422
    assert (await fleet.row(session)).wanted == "stop"


async def test_the_live_code_is_served_as_json_and_as_pictures(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    path = f"/v1/sessions/{session}/qr"
    none = await person.call("GET", path)
    assert (none.status_code, none.json()["code"]) == (404, "no_qr")
    await worker.tell(session, 1, qr("2@first"), qr("2@second", number=2, seconds=20))
    found = await person.call("GET", path)
    assert found.headers["Cache-Control"] == "no-store"
    assert (found.json()["code"], found.json()["number"]) == ("2@second", 2)
    assert found.json()["png"].startswith("data:image/png;base64,")
    assert datetime.fromisoformat(found.json()["expiresAt"]) <= datetime.now(UTC) + timedelta(seconds=20)
    png = await person.call("GET", path, headers={"Accept": "image/png"})
    assert (png.headers["content-type"], png.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    svg = await person.call("GET", path, headers={"Accept": "image/svg+xml"})
    assert svg.headers["content-type"].startswith("image/svg+xml")
    assert b"<svg" in svg.content


async def test_an_expired_code_is_never_served(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, qr())
    async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
        await db.execute(update(Pairing).values(qr_expires_at=datetime.now(UTC)))
    answer = await person.call("GET", f"/v1/sessions/{session}/qr")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_qr")
    assert (await connect(person, session)).json()["qr"] is None


async def test_a_code_of_an_earlier_owner_is_never_served(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await first.tell(session, 1, qr("2@stale"))
    second = await fleet.worker()
    await fleet.take_over(first)
    await first.tell(session, 1, qr("2@staler"))
    assert (await person.call("GET", f"/v1/sessions/{session}/qr")).status_code == 404
    await second.tell(session, 2, qr("2@fresh"))
    assert (await person.call("GET", f"/v1/sessions/{session}/qr")).json()["code"] == "2@fresh"


async def test_a_session_that_is_stopped_shows_no_code(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, qr())
    await person.call("POST", f"/v1/sessions/{session}/disconnect")
    assert (await person.call("GET", f"/v1/sessions/{session}/qr")).status_code == 404
    assert await shown(person, session) == ("disconnected", "requested")
    assert [order["sessionId"] for order in (await worker.beat(state(session, 1, "qr_pending")))["stop"]] == [
        bare(session)
    ]
