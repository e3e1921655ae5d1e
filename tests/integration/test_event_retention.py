"""Events are kept as long as their account's tier says; whoever reads gets what is left."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from control_plane.db.engine import Database, SystemSite
from control_plane.events.models import LoggedEvent
from control_plane.events.retention import EventRetention
from control_plane.tiers.limits import Tier
from tests.background_jobs import all_jobs
from tests.event_stream import OpenStream, happen, read_on, tenant_of
from tests.factories import Person
from tests.fleet_client import Fleet


async def happened(database: Database, person: Person, *days: float) -> None:
    """One event for each, so many days ago, numbered in that order."""
    for number, ago in enumerate(days, start=1):
        await happen(database, person, number)
        then = datetime.now(UTC) - timedelta(days=ago)
        async with database.system(SystemSite.ADMIN) as session:
            own = (LoggedEvent.user_id == tenant_of(person), LoggedEvent.sequence == number)
            await session.execute(update(LoggedEvent).where(*own).values(created_at=then))


async def left(person: Person, count: int) -> list[int]:
    return [event["sequence"] for event in (await read_on(person, count))[0]]


@pytest.mark.parametrize(("tier", "days"), [(Tier.BASIC, 30), (Tier.PRO, 90), (Tier.MAX, 365)])
async def test_each_tier_keeps_its_days(fleet: Fleet, tier: Tier, days: int):
    database = fleet.replica.parts.database
    person = await fleet.people(tier)
    await happened(database, person, days + 2, days + 1, days - 1, 0)
    assert await EventRetention(database).run() == 2
    assert await left(person, 2) == [3, 4]
    assert await EventRetention(database).run() == 0


async def test_an_own_number_of_days_goes_before_the_tier_and_touches_nobody_else(fleet: Fleet):
    database = fleet.replica.parts.database
    person, other, forever = [await fleet.people() for _ in range(3)]
    await fleet.people.change(person, limit_overrides={"historyDays": 3})
    await fleet.people.change(forever, limit_overrides={"historyDays": 1_000_000_000})
    await happened(database, person, 4, 2)
    await happened(database, other, 4, 2)
    await happened(database, forever, 9_000)
    assert await EventRetention(database).run() == 1
    assert (await left(person, 1), await left(other, 2), await left(forever, 1)) == ([2], [1, 2], [1])


async def test_many_go_in_small_steps_and_a_run_ends_in_time(fleet: Fleet):
    database = fleet.replica.parts.database
    person = await fleet.people()
    await happened(database, person, *[400] * 7, 1)
    assert await EventRetention(database, at_once=2, seconds=0).run() == 2
    assert await EventRetention(database, at_once=2).run() == 5
    assert await left(person, 1) == [8]


async def test_one_that_is_old_behind_a_young_one_goes_as_well(fleet: Fleet):
    """Its transaction began early and was written late."""
    database = fleet.replica.parts.database
    person = await fleet.people()
    await happened(database, person, 366, 364, 366, 1)
    assert await EventRetention(database).run() == 2
    assert await left(person, 2) == [2, 4]


async def test_a_cursor_that_stands_before_what_is_kept_is_still_good(fleet: Fleet):
    database = fleet.replica.parts.database
    person = await fleet.people()
    before = (await person.call("GET", "/v1/events")).json()["nextCursor"]
    await happened(database, person, 400, 399, 1)
    [first, *_] = (await read_on(person, 3))[0]
    assert await EventRetention(database).run() == 2
    for cursor in (before, first["cursor"]):
        assert [event["sequence"] for event in (await read_on(person, 1, cursor))[0]] == [3]
        async with OpenStream(person, last=cursor) as stream:
            assert await stream.numbers(1) == [3]


def test_it_is_among_the_jobs(database: Database, settings):
    assert "old-events" in {job.name for job in all_jobs(database, settings)}
