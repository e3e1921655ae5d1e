"""Sessions in the shared store: they end with their lease, unless it is renewed at the database itself."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from shared.contracts.fleet import StartOrder, StoreKind
from shared.ids import SessionId, new_uuid
from shared.redaction import Secret
from shared.session_state import SessionState
from tests.agent.stand_in import StandInControlPlane
from tests.agent.test_journey import paired, plane, status
from tests.agent.worker import WorkerProcess, running_worker, start_order
from tests.sandbox.conftest import anna, sandbox
from tests.waiting import until
from tests.whatsapp.test_store import Fence, fence, store_url
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.store_renewal import StoreRenewal
from worker.whatsapp.stores import PostgresStore

__all__ = ["anna", "fence", "plane", "sandbox", "store_url"]

LEASE = 5.0


@pytest.fixture
async def pair(
    sandbox: Sandbox, plane: StandInControlPlane, fence: Fence, anna: Phone
) -> Callable[[WorkerProcess], Awaitable[tuple[StartOrder, str]]]:
    plane.lease_seconds, plane.heartbeat_interval = LEASE, 0.3

    async def scan(_: WorkerProcess) -> tuple[StartOrder, str]:
        await fence.raise_to(1)
        order = start_order(session_id=str(fence.session_id))
        device = await paired(plane, anna, order)
        plane.start.clear()
        return order, device

    return scan


class Fleet:
    """The rows that the control plane would have written."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def run(self, statement: str, *arguments: object) -> object:
        connection = await asyncpg.connect(self.url)
        try:
            # The session's owner is of no matter here.
            await connection.execute("SET session_replication_role = replica")
            return await connection.fetchval(statement, *arguments)
        finally:
            await connection.close()

    async def add_worker(self, incarnation: int = 1) -> None:
        await self.run(
            "INSERT INTO workers (id, endpoint, version, environment, incarnation, lease_seconds,"
            " lease_until, heartbeat_at) VALUES ('worker-one', '', '', '', $1, $2, clock_timestamp(),"
            " clock_timestamp())",
            incarnation,
            LEASE,
        )

    async def add_session(self, session: SessionId, epoch: int = 1) -> None:
        await self.run(
            "INSERT INTO sessions (id, user_id, name, wanted, worker_id, epoch)"
            " VALUES ($1, $2, $3, 'run', 'worker-one', $4)",
            session,
            new_uuid(),
            str(session),
            epoch,
        )

    async def has_renewed_for(self, seconds: float) -> bool:
        """Beyond what the last heartbeat alone would have granted."""
        return bool(
            await self.run(
                "SELECT lease_until - heartbeat_at > make_interval(secs => $1) FROM workers", seconds
            )
        )


@pytest.fixture
async def fleet(store_url: str) -> Fleet:
    return Fleet(store_url)


async def test_clients_end_with_a_lease_that_nobody_renews_and_come_back_with_the_next(
    sandbox: Sandbox, plane: StandInControlPlane, fence: Fence, pair, tmp_path: Path
):
    async with running_worker(sandbox, plane, tmp_path, WAYPOST_STORE_URL=fence.url) as worker:
        order, device = await pair(worker)
        assert plane.registers[0].store is StoreKind.POSTGRES
        again = start_order(device, epoch=2, session_id=order.session_id)
        plane.hold_heartbeats()
        await plane.until(lambda: plane.incarnation >= 2)
        assert "lease_over" in worker.log
        plane.release_heartbeats()
        await plane.until(lambda: bool(plane.beats) and plane.beats[-1].incarnation >= 2)
        assert plane.beats[-1].states == ()
        await fence.raise_to(2)
        plane.start = [again]
        await plane.until(lambda: status(plane, again) is SessionState.CONNECTED)


async def test_without_a_control_plane_the_database_keeps_the_lease(
    sandbox: Sandbox, plane: StandInControlPlane, fence: Fence, fleet: Fleet, pair, tmp_path: Path
):
    async with running_worker(sandbox, plane, tmp_path, WAYPOST_STORE_URL=fence.url) as worker:
        order, _ = await pair(worker)
        await fleet.add_session(fence.session_id)
        await fleet.add_worker()
        plane.hold_heartbeats()
        await until(lambda: fleet.has_renewed_for(2 * LEASE), within=30)
        plane.release_heartbeats()
        beats = len(plane.beats)
        await plane.until(lambda: len(plane.beats) > beats)
        assert plane.incarnation == 1
        assert status(plane, order) is SessionState.CONNECTED
        assert "lease_over" not in worker.log


async def test_the_database_says_which_sessions_are_still_owned(fleet: Fleet):
    session, renewal = SessionId(new_uuid()), StoreRenewal(PostgresStore(Secret(fleet.url)), "worker-one")
    await fleet.add_worker()
    await fleet.add_session(session, epoch=4)
    assert await renewal.renew(1) == frozenset({(str(session), 4)})


async def test_a_later_incarnation_is_not_renewed_for(fleet: Fleet):
    await fleet.add_worker(incarnation=2)
    assert await StoreRenewal(PostgresStore(Secret(fleet.url)), "worker-one").renew(1) is None


async def test_while_a_replica_runs_nothing_is_renewed_past_it(fleet: Fleet):
    await fleet.add_worker()
    await fleet.run("INSERT INTO api_replicas (id) VALUES ($1)", new_uuid())
    assert await StoreRenewal(PostgresStore(Secret(fleet.url)), "worker-one").renew(1) is None


async def test_a_database_that_is_away_renews_nothing():
    nowhere = PostgresStore(Secret("postgresql://nobody:secret@127.0.0.1:1/nothing"))
    assert await StoreRenewal(nowhere, "worker-one").renew(1) is None
