"""The map of routes in Redis: kept by itself, emptied without harm, never older than the tables."""

import uuid

from redis.asyncio import Redis

from control_plane.db.engine import Database
from control_plane.fleet.routing import Route, Routes
from control_plane.supervision.route_map import RouteMap
from tests.factories import People


def route(session: uuid.UUID, epoch: int, worker: str = "worker-1") -> Route:
    return Route(session_id=str(session), epoch=epoch, status="connected", worker_id=worker)


async def test_a_late_writer_does_not_put_an_older_owner_over_a_newer_one(redis: Redis):
    routes, session = Routes(redis), uuid.uuid4()
    await routes.put([route(session, 2, "worker-2")])
    await routes.put([route(session, 1, "worker-1")])
    assert await routes.route(session) == route(session, 2, "worker-2")


async def test_an_emptied_map_is_whole_again_after_one_look(redis: Redis, database: Database, people: People):
    person = await people()
    created = await person.call("POST", "/v1/sessions", json={"name": "shop"})
    session = uuid.UUID(created.json()["id"].removeprefix("ses-"))
    routes = Routes(redis)
    keeper = RouteMap(database, routes)
    await keeper.look()
    first = await routes.route(session)
    assert first is not None
    assert (first.status, first.worker_id) == ("disconnected", None)
    await redis.flushdb()
    assert await routes.route(session) is None
    assert not await routes.is_whole()
    await keeper.look()
    assert await routes.route(session) == first
    assert await routes.is_whole()


async def test_a_redis_that_is_away_knows_nothing_and_breaks_nothing():
    nobody = Redis.from_url("redis://127.0.0.1:1")
    routes = Routes(nobody)
    assert await routes.route(uuid.uuid4()) is None
    assert not await routes.put([route(uuid.uuid4(), 1)], whole=True)
    assert not await routes.is_whole()
    await nobody.aclose()
