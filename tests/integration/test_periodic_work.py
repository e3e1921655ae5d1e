"""Work that comes round: once in the fleet, whoever dies, and seen in the metrics."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update

from control_plane.accounts.models import PasswordReset
from control_plane.db.engine import Database, SystemSite
from control_plane.db.periodic import Job, PeriodicJob, PeriodicWork
from control_plane.db.revocations import Revocation
from control_plane.settings import Settings
from shared.ids import new_uuid, parse_public_id
from tests.background_jobs import all_jobs
from tests.factories import People
from tests.replica import Replica
from tests.waiting import until

SITE = SystemSite.PERIODIC_WORK


@pytest.fixture
async def name(database: Database):
    made = f"test-{new_uuid()}"
    yield made
    async with database.system(SITE) as session:
        await session.execute(delete(PeriodicJob).where(PeriodicJob.name == made))


async def row(database: Database, name: str) -> PeriodicJob:
    async with database.system(SITE) as session:
        found = await session.scalar(select(PeriodicJob).where(PeriodicJob.name == name))
    assert found is not None
    return found


async def run(works: list[PeriodicWork], until: asyncio.Event) -> None:
    stopping = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for work in works:
            await work.register()
            group.create_task(work.loop.run(stopping))
        await until.wait()
        stopping.set()


async def test_of_several_replicas_one_runs_a_due_job(database: Database, name: str):
    runs, ran = [], asyncio.Event()

    async def job() -> int:
        runs.append(1)
        await asyncio.sleep(0.2)
        ran.set()
        return 1

    works = [
        PeriodicWork(database, [Job(name, timedelta(hours=1), job)], idle_seconds=0.02) for _ in range(5)
    ]
    await run(works, ran)
    assert len(runs) == 1
    told = await row(database, name)
    assert (told.runs, told.failures, told.last_outcome) == (1, 0, "ok")
    assert told.last_duration_seconds is not None
    assert told.last_duration_seconds >= 0.2
    assert told.due_at > told.last_finished_at  # type: ignore[operator]


async def test_a_job_comes_round_again(database: Database, name: str):
    runs, thrice = [], asyncio.Event()

    async def job() -> int:
        runs.append(1)
        if len(runs) == 3:
            thrice.set()
        return 0

    work = PeriodicWork(database, [Job(name, timedelta(milliseconds=20), job)], idle_seconds=0.02)
    await run([work], thrice)
    assert (await row(database, name)).runs >= 3


async def test_a_job_that_fails_is_counted_and_comes_round_again(database: Database, name: str):
    runs, twice = [], asyncio.Event()

    async def job() -> int:
        runs.append(1)
        if len(runs) == 1:
            raise RuntimeError("the first run fails")
        twice.set()
        return 0

    work = PeriodicWork(database, [Job(name, timedelta(milliseconds=20), job)], idle_seconds=0.02)
    await run([work], twice)
    told = await row(database, name)
    assert told.failures == 1
    assert told.last_outcome == "ok"


async def test_a_job_survives_the_death_of_the_process_that_ran_it(database: Database, name: str):
    async def never() -> int:
        await asyncio.Event().wait()
        return 0

    ran = asyncio.Event()

    async def job() -> int:
        ran.set()
        return 0

    dying = PeriodicWork(database, [Job(name, timedelta(hours=1), never)], idle_seconds=0.02)
    await dying.register()
    task = asyncio.create_task(dying.loop.run(asyncio.Event()))

    async def claimed() -> bool:
        return (await row(database, name)).claim_token is not None

    await until(claimed)
    # A killed process says nothing more: neither its loop nor its renewals.
    for pending in asyncio.all_tasks():
        if pending is task or "ClaimLoop" in repr(pending.get_coro()):
            pending.cancel()
    async with database.system(SITE) as session:
        await session.execute(
            update(PeriodicJob)
            .where(PeriodicJob.name == name)
            .values(claimed_until=func.clock_timestamp() - timedelta(seconds=1))
        )
    await run([PeriodicWork(database, [Job(name, timedelta(hours=1), job)], idle_seconds=0.02)], ran)
    assert (await row(database, name)).runs == 1


async def test_a_job_of_another_release_is_left_alone(database: Database, name: str):
    ran = asyncio.Event()

    async def unknown() -> int:
        return 0

    async def known() -> int:
        ran.set()
        return 0

    await PeriodicWork(database, [Job(name, timedelta(hours=1), unknown)]).register()
    other = f"{name}-other"
    await run([PeriodicWork(database, [Job(other, timedelta(hours=1), known)], idle_seconds=0.02)], ran)
    assert (await row(database, name)).runs == 0
    async with database.system(SITE) as session:
        await session.execute(delete(PeriodicJob).where(PeriodicJob.name == other))


async def test_the_real_jobs_remove_what_is_past_its_time_and_nothing_else(
    database: Database, people: People, settings: Settings
):
    person = await people()
    user_id = parse_public_id("usr", person.id)
    assert user_id is not None
    old = timedelta(days=2)
    async with database.system(SITE) as session:
        for age in (old, timedelta(0)):
            session.add(PasswordReset(user_id=user_id, digest=new_uuid().bytes, expires_at=func.now() - age))
        session.add(Revocation(user_id=user_id, created_at=func.now() - old))
    for job in all_jobs(database, settings):
        assert await job.run() >= 0
    async with database.system(SITE) as session:
        resets = await session.scalars(select(PasswordReset).where(PasswordReset.user_id == user_id))
        assert len(resets.all()) == 1
        ages = await session.scalars(select(Revocation).where(Revocation.created_at < func.now() - old / 2))
        assert ages.all() == []
    assert (await person.call("GET", "/v1/users/me")).status_code == 200


async def test_the_metrics_tell_of_the_last_run(replica: Replica, database: Database, name: str):
    ran = asyncio.Event()

    async def job() -> int:
        ran.set()
        return 0

    await run([PeriodicWork(database, [Job(name, timedelta(hours=1), job)], idle_seconds=0.02)], ran)
    text = (await replica.client.get("/metrics")).text
    assert f'waypost_periodic_runs_total{{job="{name}"}} 1.0' in text
    assert f'waypost_periodic_last_duration_seconds{{job="{name}"}}' in text
    assert f'waypost_periodic_last_run_timestamp_seconds{{job="{name}"}}' in text
