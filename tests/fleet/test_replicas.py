"""Two replicas of the API behind one address, and one of them is gone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from tests.conftest import TEMPLATE
from tests.fleet.relay import Relay, listener, to_one_of
from tests.fleet.stage import Stage, stage
from tests.waiting import until

_NAMES = ("shop-1", "shop-2")
# So that nothing in here is known by a heartbeat, or by the end of a lease.
_LONG_LEASES = {"WAYPOST_LEASE_SECONDS": "300", "WAYPOST_HEARTBEAT_SECONDS": "60"}


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, TEMPLATE, **_LONG_LEASES) as opened:
        yield opened


async def test_when_one_replica_is_killed_workers_go_to_the_other_and_nothing_moves(fleet: Stage):
    second_port = free_port()
    async with Relay(listener(), to_one_of(fleet.port, second_port)) as address:
        settings = {"WAYPOST_CONTROL_PLANE_URL": f"http://127.0.0.1:{address.port}"}
        # The first has room for one session only, so that each has one.
        first = await fleet.start_worker("worker-1", WAYPOST_WORKER_CAPACITY="1", **settings)
        await fleet.new_session("shop-1")
        workers = [first, await fleet.start_worker("worker-2", **settings)]
        await fleet.new_session("shop-2")
        owners, begun = await fleet.tables.owners(), await fleet.network.position()
        numbers = [(await fleet.session(name))["phone"] for name in _NAMES]
        await fleet.start_api(second_port)
        asked = _streams(address)
        await fleet.api.kill()

        async def all_listen_again() -> bool:
            return _streams(address) >= asked + len(workers)

        await until(all_listen_again, within=30)
        # Whoever calls comes to the other replica as well.
        fleet.client.base_url = f"http://127.0.0.1:{address.port}"
        await fleet.connected(*_NAMES)
        assert await fleet.tables.owners() == owners
        assert await fleet.network.devices_of(*numbers, after=begun) == []
        assert [line for worker in workers for line in worker.lines("lease_over")] == []

        # The other one hears a worker's death as the first would have.
        assert owners["shop-1"][0] == "worker-1"
        await first.kill()
        await fleet.connected("shop-1", on="worker-2")
        assert await fleet.tables.end_of("worker-1") == "its process ended"


def _streams(address: Relay) -> int:
    """How often a worker has asked for the stream on which it is told things."""
    return address.carried.count(b"/stream HTTP/1.1")
