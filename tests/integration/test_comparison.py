"""The whole comparison: what no heartbeat can see is put right, and nothing else is touched."""

import uuid

import pytest
from redis.asyncio import Redis
from sqlalchemy import text as sql
from sqlalchemy import update

from control_plane.db.engine import SystemSite
from control_plane.fleet.routing import Route, Routes
from control_plane.http.principal import Role
from control_plane.sessions.models import Session
from control_plane.supervision.comparison import Comparison
from control_plane.tiers.models import QuotaUsage
from shared.ids import parse_public_id
from tests.fleet_client import CONNECTED, Fleet, bare


@pytest.fixture
def comparison(fleet: Fleet, redis: Redis) -> Comparison:
    return Comparison(fleet.replica.parts.database, Routes(redis).clear_but)


async def run(fleet: Fleet, statement: str, **values: object) -> object:
    async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
        result = await db.execute(sql(statement), values)
        return result.scalar() if result.returns_rows else None  # type: ignore[attr-defined]


async def fence(fleet: Fleet, session: str) -> object:
    found = "SELECT epoch FROM whatsapp_store.fences WHERE session_id = :session"
    return await run(fleet, found, session=bare(session))


async def test_a_fleet_that_is_well_is_left_alone(fleet: Fleet, comparison: Comparison):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await fleet.session(person, "never connected")
    await worker.tell(session, 1, CONNECTED)
    assert await comparison.run() == 0
    assert await fence(fleet, session) == 1


async def test_fences_follow_the_epochs_of_their_sessions(fleet: Fleet, comparison: Comparison):
    person = await fleet.owner()
    await fleet.worker()
    low, missing = await fleet.running(person, "low"), await fleet.running(person, "missing")
    nobody = str(uuid.uuid4())
    await run(fleet, "UPDATE whatsapp_store.fences SET epoch = 0 WHERE session_id = :s", s=bare(low))
    await run(fleet, "DELETE FROM whatsapp_store.fences WHERE session_id = :s", s=bare(missing))
    await run(fleet, "INSERT INTO whatsapp_store.fences VALUES (:s, 3)", s=nobody)
    assert await comparison.run() == 3
    assert (await fence(fleet, low), await fence(fleet, missing), await fence(fleet, nobody)) == (1, 1, None)
    assert await comparison.run() == 0


async def test_an_accounts_number_of_sessions_and_its_primary_are_put_right_and_counted(
    fleet: Fleet, comparison: Comparison
):
    person, admin = await fleet.owner(sessions=2), await fleet.people(role=Role.ADMIN)
    first = await fleet.session(person, "first")
    await fleet.session(person, "second")
    async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
        user_id = parse_public_id("usr", person.id)
        await db.execute(update(QuotaUsage).where(QuotaUsage.user_id == user_id).values(used=7))
        await db.execute(update(Session).values(is_primary=False))
    assert await comparison.run() == 2
    assert (await person.call("GET", f"/v1/sessions/{first}")).json()["isPrimary"]
    refused = await person.call("POST", "/v1/sessions", json={"name": "third"})
    assert refused.json()["code"] == "tier_limit_reached"
    await person.call("DELETE", "/v1/sessions/second")
    assert (await person.call("POST", "/v1/sessions", json={"name": "third"})).status_code == 201
    repairs = (await admin.call("GET", "/v1/workers/statistics")).json()["repairs"]
    counted = {repair["kind"]: repair["count"] for repair in repairs}
    assert (counted["quota_corrected"], counted["primary_chosen"]) == (1, 1)


async def test_routes_of_sessions_that_are_gone_are_dropped(
    fleet: Fleet, comparison: Comparison, redis: Redis
):
    person = await fleet.owner()
    session = parse_public_id("ses", await fleet.session(person))
    assert session is not None
    gone, routes = uuid.uuid4(), Routes(redis)
    for known in (session, gone):
        await routes.put([Route(session_id=str(known), epoch=1, status="connected", worker_id="w-1")])
    assert await comparison.run() == 1
    assert await routes.route(session) is not None
    assert await routes.route(gone) is None


async def test_without_redis_the_tables_are_compared_all_the_same(fleet: Fleet):
    nowhere = Redis.from_url("redis://127.0.0.1:1")
    assert await Comparison(fleet.replica.parts.database, Routes(nowhere).clear_but).run() == 0
    await nowhere.aclose()
