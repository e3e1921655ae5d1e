"""Sessions move to emptier workers by themselves, and on an administrator's word."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from control_plane.db.engine import SystemSite
from control_plane.fleet.models import Worker
from control_plane.http.principal import Role
from control_plane.sessions.models import Session
from control_plane.supervision.rebalancing import Rebalancing
from shared.contracts import told as words
from shared.ids import parse_public_id
from tests.factories import Person
from tests.fleet_client import CONNECTED, JOIN_TOKEN, Fleet, FleetWorker, shown

LONG_AGO = timedelta(hours=1)


@pytest.fixture
def fleet_settings() -> dict[str, str]:
    return {"WAYPOST_JOIN_TOKENS": JOIN_TOKEN, "WAYPOST_LEASE_SECONDS": "600"}


async def settle(fleet: Fleet) -> None:
    """As if its workers had been there for long."""
    async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
        await db.execute(update(Worker).values(registered_at=datetime.now(UTC) - LONG_AGO))


async def filled(fleet: Fleet, person: Person, count: int) -> tuple[FleetWorker, list[str]]:
    """A worker with so many connected sessions, the first of them idle for the longest time."""
    worker, sessions = await fleet.worker("w-1"), []
    for number in range(count):
        session = await fleet.running(person, f"shop-{number}")
        await worker.obey()
        jid = f"4915100000{number:02}:1@s.whatsapp.net"
        await worker.tell(
            session, 1, words.Paired(device_jid=jid, business_name="", platform="android"), CONNECTED
        )
        sessions.append(session)
    async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
        for number, session in enumerate(sessions):
            idle = datetime.now(UTC) - timedelta(minutes=count - number)
            await db.execute(
                update(Session)
                .where(Session.id == parse_public_id("ses", session))
                .values(last_activity_at=idle)
            )
    return worker, sessions


def rebalancing(fleet: Fleet) -> Rebalancing:
    return Rebalancing(fleet.replica.parts.database, 10)


async def where(fleet: Fleet, sessions: list[str]) -> list[str | None]:
    return [(await fleet.row(session)).worker_id for session in sessions]


async def handed_over(one: FleetWorker, two: FleetWorker) -> list[str]:
    """What the first gives away now, and the second takes and connects."""
    orders = await one.obey()
    await one.hand_over(orders)
    taken = (await two.obey())["start"]
    for order in taken:
        await two.tell(order["sessionId"], order["epoch"], CONNECTED)
    return [order["sessionId"] for order in orders["stop"]]


async def test_a_worker_that_joins_gets_its_share_the_idle_first_and_one_at_a_time(fleet: Fleet):
    person = await fleet.owner()
    one, sessions = await filled(fleet, person, 10)
    two, moved = await fleet.worker("w-2"), 0
    await settle(fleet)
    balance = rebalancing(fleet)
    while await balance.one_move():
        assert await balance.one_move() == 0, "one is still on its way"
        given_away = await handed_over(one, two)
        assert given_away == [sessions[moved].removeprefix("ses-")]
        moved += 1
    assert await where(fleet, sessions) == ["w-2"] * 4 + ["w-1"] * 6
    assert await shown(person, sessions[0]) == ("connected", "logged_in")
    assert await balance.one_move() == 0


async def test_each_move_is_on_the_timeline_and_counted(fleet: Fleet):
    person, admin = await fleet.owner(), await fleet.people(role=Role.ADMIN)
    one, sessions = await filled(fleet, person, 4)
    two = await fleet.worker("w-2")
    await settle(fleet)
    assert await rebalancing(fleet).one_move() == 1
    await handed_over(one, two)
    timeline = (await person.call("GET", f"/v1/sessions/{sessions[0]}/timeline")).json()["items"]
    told = [
        (step["status"], step["statusReason"], step["detail"], step["workerId"])
        for step in reversed(timeline)
    ]
    assert told[-3:] == [
        ("connected", "logged_in", "moves to w-2: load is uneven", "w-1"),
        ("recovering", "moving", "", "w-2"),
        ("connected", "logged_in", "", "w-2"),
    ]
    repairs = (await admin.call("GET", "/v1/workers/statistics")).json()["repairs"]
    assert ("rebalanced", 1) in [(repair["kind"], repair["count"]) for repair in repairs]
    history = (await admin.call("GET", "/v1/workers/w-1/events")).json()["items"]
    assert {"session": sessions[0], "to": "w-2"} in [each["details"] for each in history]


@pytest.mark.parametrize("unrest", ["joined", "draining", "recovering", "pairing", "full"])
async def test_nothing_moves_in_unrest(fleet: Fleet, unrest: str):
    person, admin = await fleet.owner(), await fleet.people(role=Role.ADMIN)
    one, sessions = await filled(fleet, person, 4)
    await fleet.worker("w-2", capacity=0 if unrest == "full" else 100)
    if unrest != "joined":
        await settle(fleet)
    if unrest == "draining":
        await admin.call("POST", "/v1/workers/w-2/drain")
    if unrest == "recovering":
        await person.call("POST", f"/v1/sessions/{sessions[3]}/restart")
    if unrest == "pairing":
        async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
            await db.execute(update(Session).values(device_jid=None))
    assert await rebalancing(fleet).one_move() == 0
    assert await where(fleet, sessions) == [one.id] * 4


async def test_a_sandbox_session_does_not_move_to_where_it_cannot_run(fleet: Fleet):
    person = await fleet.owner()
    await filled(fleet, person, 4)
    async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
        await db.execute(update(Session).values(sandbox=True))
    await fleet.worker("w-2", sandbox=False)
    await settle(fleet)
    assert await rebalancing(fleet).one_move() == 0


async def test_one_whose_new_place_is_gone_when_it_has_stopped_goes_back(fleet: Fleet):
    person = await fleet.owner()
    one, sessions = await filled(fleet, person, 4)
    two = await fleet.worker("w-2")
    await settle(fleet)
    assert await rebalancing(fleet).one_move() == 1
    orders = await one.obey()
    await fleet.take_over(two)
    await one.hand_over(orders)
    row = await fleet.row(sessions[0])
    assert (row.worker_id, row.epoch, row.moving_to) == ("w-1", 2, None)
    assert [order["epoch"] for order in (await one.obey())["start"]] == [2]


class Admin:
    def __init__(self, person: Person) -> None:
        self.person = person

    async def post(self, path: str, status: int = 202, **body: Any) -> dict[str, Any]:
        answer = await self.person.call("POST", path, json=body)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def admin(fleet: Fleet) -> Admin:
    return Admin(await fleet.people(role=Role.ADMIN))


async def test_rotation_moves_the_idlest_while_the_worker_goes_on_taking_others(fleet: Fleet, admin: Admin):
    person = await fleet.owner()
    one, sessions = await filled(fleet, person, 4)
    two = await fleet.worker("w-2")
    asked = await admin.post("/v1/workers/w-1/rotate", count=3)
    assert (asked["moving"], asked["staying"], asked["worker"]["state"]) == (3, 1, "online")
    assert len(await handed_over(one, two)) == 3
    assert await where(fleet, sessions) == ["w-2"] * 3 + ["w-1"]
    rest = await admin.post("/v1/workers/w-1/rotate")
    assert rest["moving"] == 1


async def test_rotation_moves_no_more_than_others_can_take(fleet: Fleet, admin: Admin):
    person = await fleet.owner()
    await filled(fleet, person, 4)
    assert (await admin.post("/v1/workers/w-1/rotate"))["moving"] == 0
    await fleet.worker("w-2", capacity=2)
    asked = await admin.post("/v1/workers/w-1/rotate")
    assert (asked["moving"], asked["staying"]) == (2, 2)
    for count in (0, -1, "many"):
        assert (await admin.post("/v1/workers/w-1/rotate", 422, count=count))["code"] == "validation_failed"
    await admin.post("/v1/workers/nobody/rotate", 404)


async def test_a_session_moves_to_the_worker_that_is_named(fleet: Fleet, admin: Admin):
    person = await fleet.owner()
    one, sessions = await filled(fleet, person, 2)
    await fleet.worker("w-2")
    three = await fleet.worker("w-3", capacity=1)
    asked = await admin.post(f"/v1/admin/sessions/{sessions[1]}/move", workerId="W_3")
    assert asked == {"sessionId": sessions[1], "workerId": "w-1", "movingTo": "w-3"}
    assert await handed_over(one, three) == [sessions[1].removeprefix("ses-")]
    assert await where(fleet, sessions) == ["w-1", "w-3"]


async def test_a_move_that_cannot_be_is_refused_with_its_reason(fleet: Fleet, admin: Admin):
    person = await fleet.owner()
    _, sessions = await filled(fleet, person, 1)
    path = f"/v1/admin/sessions/{sessions[0]}/move"
    assert "No other worker" in (await admin.post(path, 503))["detail"]
    await fleet.worker("w-2", capacity=0)
    assert "full" in (await admin.post(path, 503, workerId="w-2"))["detail"]
    assert "already" in (await admin.post(path, 422, workerId="w-1"))["detail"]
    await admin.post(path, 404, workerId="w-9")
    await admin.post("/v1/admin/sessions/ses-00000000-0000-7000-8000-000000000000/move", 404)
    await admin.post("/v1/admin/sessions/shop-0/move", 404)
    await person.call("POST", f"/v1/sessions/{sessions[0]}/disconnect")
    assert (await admin.post(path, 409))["code"] == "session_not_connected"
    for method in ("rotate",):
        refused = await person.call("POST", f"/v1/workers/w-1/{method}")
        assert refused.status_code == 403
    assert (await person.call("POST", path)).status_code == 403


async def test_a_drain_by_an_administrator_outlives_the_workers_restart(fleet: Fleet, admin: Admin):
    worker = await fleet.worker("w-1")
    await admin.post("/v1/workers/w-1/drain")
    await worker.register()
    assert (await fleet.worker_row("w-1")).draining
    await admin.post("/v1/workers/w-1/resume", 200)
    await worker.beat(draining=True)
    assert (await fleet.worker_row("w-1")).draining
    await worker.register()
    assert not (await fleet.worker_row("w-1")).draining
