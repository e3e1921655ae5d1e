"""The claim primitive: eligibility, order, unlock, stale token, contention, and the loop on top."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, update

from control_plane.accounts.mail import OutgoingMail
from control_plane.db.claim_loop import ClaimLoop
from control_plane.db.claims import Claim, Claims, Depth, depth
from control_plane.db.engine import Database, SystemSite
from shared.ids import new_uuid
from tests.waiting import until

SITE = SystemSite.MAIL_LOOP
# Any table of claimable work will do; each test speaks only of the rows that it made.


class Work:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.ids: list[UUID] = []

    async def add(self, count: int, *, due_in: float = 0) -> None:
        async with self.database.system(SITE) as session:
            for number in range(count):
                row = OutgoingMail(id=new_uuid(), sealed=b"", expires_at=func.clock_timestamp())
                row.due_at = func.clock_timestamp() + timedelta(seconds=due_in - 100 + number * 0.001)
                if due_in:
                    row.due_at = func.clock_timestamp() + timedelta(seconds=due_in)
                session.add(row)
                self.ids.append(row.id)

    def claims(self, lease: float = 30) -> Claims:
        return Claims(OutgoingMail, lease=timedelta(seconds=lease), only=[OutgoingMail.id.in_(self.ids)])

    async def take(self, limit: int = 100, lease: float = 30) -> list[Claim]:
        async with self.database.system(SITE) as session:
            return await self.claims(lease).take(session, limit)

    async def change(self, **values: object) -> None:
        async with self.database.system(SITE) as session:
            await session.execute(update(OutgoingMail).where(OutgoingMail.id.in_(self.ids)).values(**values))

    async def now(self) -> datetime:
        async with self.database.system(SITE) as session:
            moment = await session.scalar(select(func.clock_timestamp()))
        assert isinstance(moment, datetime)
        return moment

    async def left(self) -> list[OutgoingMail]:
        async with self.database.system(SITE) as session:
            return list(await session.scalars(select(OutgoingMail).where(OutgoingMail.id.in_(self.ids))))


@pytest.fixture
async def work(database: Database):
    made = Work(database)
    yield made
    async with database.system(SITE) as session:
        await session.execute(delete(OutgoingMail).where(OutgoingMail.id.in_(made.ids)))


async def test_only_what_is_due_and_unclaimed_is_taken(work: Work):
    await work.add(2)
    await work.add(1, due_in=60)
    assert len(await work.take()) == 2
    assert await work.take() == []


async def test_the_longest_due_comes_first(work: Work):
    await work.add(5)
    first, second = await work.take(2), await work.take(10)
    assert [claim.id for claim in first + second] == work.ids


async def test_a_claim_whose_lease_ended_is_taken_over_and_counted(work: Work):
    await work.add(1)
    (old,) = await work.take()
    await work.change(claimed_until=func.clock_timestamp() - timedelta(seconds=1))
    (new,) = await work.take()
    assert (old.attempts, new.attempts) == (1, 2)
    assert old.token != new.token


async def test_a_stale_token_changes_nothing(work: Work, database: Database):
    await work.add(1)
    (stale,) = await work.take()
    await work.change(claimed_until=func.clock_timestamp() - timedelta(seconds=1))
    (held,) = await work.take()
    claims = work.claims()
    async with database.system(SITE) as session:
        assert not await claims.renew(session, stale)
        assert not await claims.finish(session, stale)
        assert not await claims.postpone(session, stale, timedelta(0))
        assert not await claims.remove(session, stale)
        assert await claims.renew(session, held)
        assert await claims.remove(session, held)
    assert await work.left() == []


async def test_postponed_work_waits_until_it_is_due(work: Work, database: Database):
    await work.add(1)
    (claim,) = await work.take()
    async with database.system(SITE) as session:
        assert await work.claims().postpone(session, claim, timedelta(hours=1))
    assert await work.take() == []
    await work.change(due_at=func.clock_timestamp())
    assert len(await work.take()) == 1


async def test_the_depth_tells_due_held_and_later_apart(work: Work, database: Database):
    async def now() -> Depth:
        async with database.system(SITE) as session:
            return await depth(session, OutgoingMail)

    before = await now()
    await work.add(5)
    await work.add(2, due_in=60)
    await work.take(3)
    after = await now()
    told = (after.waiting - before.waiting, after.active - before.active, after.delayed - before.delayed)
    assert told == (2, 3, 2)


async def test_under_contention_each_row_is_taken_once(work: Work):
    await work.add(200)
    taken = await asyncio.gather(*(work.take(7) for _ in range(60)))
    ids = [claim.id for group in taken for claim in group]
    assert len(ids) == len(set(ids)) == 200


async def run_until(loop: ClaimLoop, done: asyncio.Event) -> None:
    stopping = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(loop.run(stopping))
        try:
            await asyncio.wait_for(done.wait(), 15)
        finally:
            stopping.set()


async def test_the_loop_does_all_work_and_retries_what_failed(work: Work, database: Database):
    await work.add(20)
    claims, done, seen = work.claims(), asyncio.Event(), []

    async def handle(claim: Claim) -> None:
        seen.append(claim.id)
        if claim.id == work.ids[3] and claim.attempts == 1:
            raise RuntimeError("the first try of this one fails")
        async with database.system(SITE) as session:
            await claims.remove(session, claim)
        if not await work.left():
            done.set()

    await run_until(ClaimLoop("test", claims, handle, database, SITE, idle_seconds=0.05), done)
    assert sorted(seen) == sorted([*work.ids, work.ids[3]])


async def test_two_loops_share_the_work_and_do_none_of_it_twice(work: Work, database: Database):
    await work.add(60)
    claims, done, seen = work.claims(), asyncio.Event(), []

    async def handle(claim: Claim) -> None:
        seen.append(claim.id)
        async with database.system(SITE) as session:
            await claims.remove(session, claim)
        if len(seen) == 60:
            done.set()

    loops = [ClaimLoop(f"test-{n}", claims, handle, database, SITE, idle_seconds=0.05) for n in range(2)]
    await asyncio.gather(*(run_until(loop, done) for loop in loops))
    assert sorted(seen) == sorted(work.ids)


async def test_work_that_takes_longer_than_its_lease_is_renewed(work: Work, database: Database):
    await work.add(1)
    claims, done = work.claims(lease=0.3), asyncio.Event()

    async def handle(claim: Claim) -> None:
        # Three leases long; somebody else tries to take it all the while.
        for _ in range(9):
            await asyncio.sleep(0.1)
            assert await work.take() == []
        async with database.system(SITE) as session:
            assert await claims.remove(session, claim)
        done.set()

    await run_until(ClaimLoop("test", claims, handle, database, SITE, idle_seconds=0.05), done)


async def test_work_whose_claim_was_lost_is_stopped(work: Work, database: Database):
    await work.add(1)
    claims, stopped = work.claims(lease=0.3), asyncio.Event()

    async def handle(claim: Claim) -> None:
        await work.change(claim_token=new_uuid(), claimed_until=func.clock_timestamp() + timedelta(hours=1))
        try:
            # Not for ever: without the cancellation the loop would wait for it at its end.
            await asyncio.wait_for(asyncio.Event().wait(), 16)
        except asyncio.CancelledError:
            stopped.set()
            raise

    await run_until(ClaimLoop("test", claims, handle, database, SITE, idle_seconds=0.05), stopped)


async def test_a_database_that_fails_for_a_moment_does_not_end_the_loop(
    work: Work, database: Database, monkeypatch
):
    await work.add(1)
    claims, done = work.claims(), asyncio.Event()
    failures: list[int] = []
    take = claims.take

    async def failing(session, limit):
        if len(failures) < 3:
            failures.append(1)
            raise OSError("the database is away")
        return await take(session, limit)

    async def handle(claim: Claim) -> None:
        async with database.system(SITE) as session:
            await claims.remove(session, claim)
        done.set()

    monkeypatch.setattr(claims, "take", failing)
    await run_until(ClaimLoop("test", claims, handle, database, SITE, idle_seconds=0.02), done)
    assert len(failures) == 3


async def test_a_renewal_that_fails_once_is_tried_again(work: Work, database: Database, monkeypatch):
    await work.add(1)
    claims, done, renewals = work.claims(lease=0.6), asyncio.Event(), []
    renew = claims.renew

    async def failing_once(session, claim):
        renewals.append(1)
        if len(renewals) == 1:
            raise OSError("the database is away")
        return await renew(session, claim)

    async def handle(claim: Claim) -> None:

        async def renewed_again() -> bool:
            return len(renewals) >= 4

        await until(renewed_again)
        async with database.system(SITE) as session:
            assert await claims.remove(session, claim)
        done.set()

    monkeypatch.setattr(claims, "renew", failing_once)
    await run_until(ClaimLoop("test", claims, handle, database, SITE, idle_seconds=0.05), done)


async def test_a_nudge_makes_the_loop_look_at_once(work: Work, database: Database):
    claims, done, looked = work.claims(), asyncio.Event(), asyncio.Event()
    take = claims.take

    async def noted(session, limit):
        found = await take(session, limit)
        looked.set()
        return found

    claims.take = noted  # type: ignore[method-assign]

    async def handle(claim: Claim) -> None:
        async with database.system(SITE) as session:
            await claims.remove(session, claim)
        done.set()

    # It would look by itself only after ten minutes.
    loop = ClaimLoop("test", claims, handle, database, SITE, idle_seconds=600)
    stopping = asyncio.Event()
    running = asyncio.create_task(loop.run(stopping))
    await looked.wait()
    await work.add(1)
    # The list of rows that the claims speak of is part of their statement: look anew with the new row in it.
    claims._only = work.claims()._only
    loop.nudge()
    async with asyncio.timeout(10):
        await done.wait()
        stopping.set()
        await running


async def test_work_that_fails_again_and_again_waits_longer_each_time_up_to_a_cap(
    work: Work, database: Database
):
    await work.add(1)
    claims, waits = work.claims(), []

    async def handle(claim: Claim) -> None:
        raise RuntimeError("it always fails")

    loop = ClaimLoop("test", claims, handle, database, SITE)
    for attempts in (1, 4, 50):
        await work.change(attempts=attempts - 1, due_at=func.clock_timestamp() - timedelta(seconds=1))
        (claim,) = await work.take()
        before = await work.now()
        await loop._work(claim, handle)
        (row,) = await work.left()
        waits.append((row.due_at - before).total_seconds())
    assert 0.9 <= waits[0] <= 2.5
    assert 7.5 <= waits[1] <= 16.5
    assert 295 <= waits[2] <= 601


async def test_only_the_rows_that_the_claims_are_for_are_taken(work: Work, database: Database):
    await work.add(2)
    mine = Claims(OutgoingMail, lease=timedelta(seconds=30), only=[OutgoingMail.id == work.ids[1]])
    async with database.system(SITE) as session:
        taken = await mine.take(session, 10)
    assert [claim.id for claim in taken] == [work.ids[1]]


async def test_a_row_that_is_locked_is_passed_over_and_not_waited_for(work: Work, database: Database):
    await work.add(2)
    async with database.system(SITE) as session:
        await session.execute(select(OutgoingMail).where(OutgoingMail.id == work.ids[0]).with_for_update())
        async with asyncio.timeout(5):
            assert [claim.id for claim in await work.take()] == [work.ids[1]]


async def test_a_limited_take_takes_the_longest_due(work: Work):
    await work.add(3)
    await work.change(due_at=func.clock_timestamp() - timedelta(seconds=1))
    async with work.database.system(SITE) as session:
        await session.execute(
            update(OutgoingMail)
            .where(OutgoingMail.id == work.ids[2])
            .values(due_at=func.clock_timestamp() - timedelta(seconds=50))
        )
    assert [claim.id for claim in await work.take(1)] == [work.ids[2]]


async def test_stopping_waits_for_what_is_in_flight(work: Work, database: Database):
    await work.add(2)
    claims, stopping, begun, go_on = work.claims(), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(claim: Claim) -> None:
        begun.set()
        await go_on.wait()
        async with database.system(SITE) as session:
            await claims.remove(session, claim)

    loop = ClaimLoop("test", claims, handle, database, SITE, concurrency=1, idle_seconds=0.05)
    running = asyncio.create_task(loop.run(stopping))
    await begun.wait()
    stopping.set()
    go_on.set()
    async with asyncio.timeout(10):
        await running
    assert len(await work.left()) == 1
