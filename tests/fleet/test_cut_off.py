"""A worker whose network is gone from one moment to the next: nobody says good-bye, and nobody is refused."""

import time
from contextlib import AsyncExitStack

from tests.fleet.cable import NoNamespaces, cable
from tests.fleet.conftest import Tell
from tests.fleet.leases import Leases
from tests.fleet.stage import Stage

_ANN = "+4915100000011"
_NAMES = ("shop-1", "shop-2")


async def test_sessions_of_a_worker_that_is_cut_off_silently_go_on_elsewhere_without_a_scan(
    fleet: Stage, leases: Leases, tell: Tell
):
    async with AsyncExitStack() as stack:
        try:
            wire = await stack.enter_async_context(cable())
        except NoNamespaces as error:
            tell(f"NO NETWORK NAMESPACE CAN BE MADE HERE ({error}): the worker is frozen instead")
            wire = None
        first = (
            await fleet.start_worker("worker-1", wire.before, **await wire.settings(fleet))
            if wire is not None
            else await fleet.start_worker("worker-1")
        )
        stack.push_async_callback(first.clear_away)
        for name in _NAMES:
            await fleet.new_session(name)
        numbers = [(await fleet.session(name))["phone"] for name in _NAMES]
        await fleet.start_worker("worker-2")
        paired = {entry["device"] for entry in await fleet.network.devices_of(*numbers)}
        engines = first.children()

        cut = time.monotonic()
        if wire is not None:
            wire.pull()
        else:
            first.freeze()
        for name in _NAMES:
            await fleet.phone_writes(name, _ANN, "meanwhile")
        await fleet.connected(*_NAMES, on="worker-2", within=leases.noticed)
        tell(
            f"with a lease of {leases.seconds:.0f} s: elsewhere {time.monotonic() - cut:.1f} s after the cut"
        )
        assert await fleet.tables.end_of("worker-1") == "its lease ended"
        assert {entry["device"] for entry in await fleet.network.devices_of(*numbers)} == paired, (
            "no new scan"
        )
        owners = await fleet.tables.owners()
        if wire is not None:
            assert not engines & first.children(), "its clients had ended before anybody took them over"
            assert not first.lines("lease_renewed_at_the_store")
            wire.put_back()
        else:
            first.thaw()
        await first.said('"worker_registered"', times=2)
        for name in _NAMES:
            await fleet.phone_writes(name, _ANN, "after")
            await fleet.hears(name, ["meanwhile", "after"])
        assert await fleet.tables.owners() == owners
