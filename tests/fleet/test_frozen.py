"""A worker that stands still, as a paused machine does: given up after its lease, harmless afterwards."""

import signal
import time

from tests.fleet.conftest import Tell
from tests.fleet.leases import Leases
from tests.fleet.stage import Stage
from tests.fleet.store_audit import StoreAudit
from tests.waiting import until

_ANN = "+4915100000011"
_NAMES = ("shop-1", "shop-2")


async def test_a_worker_that_was_frozen_writes_nothing_after_the_take_over_and_stops_by_itself(
    fleet: Stage, leases: Leases, tell: Tell
):
    first = await fleet.start_worker("worker-1")
    for name in _NAMES:
        await fleet.new_session(name)
    numbers = [(await fleet.session(name))["phone"] for name in _NAMES]
    await fleet.start_worker("worker-2")
    audit = StoreAudit(fleet.tables)
    await audit.begin()
    engines = first.children()
    for name in _NAMES:
        await fleet.phone_writes(name, _ANN, "before")
        await fleet.hears(name, ["before"])
    begun = await fleet.network.position()

    first.freeze()
    frozen = time.monotonic()
    for name in _NAMES:
        # They lie in the connection of the old client, which reads them first of all when it goes on.
        await fleet.phone_writes(name, _ANN, "meanwhile")
    await fleet.connected(*_NAMES, on="worker-2", within=leases.noticed)
    tell(f"frozen, with a lease of {leases.seconds:.0f} s: elsewhere after {_since(frozen)}")
    assert await fleet.tables.end_of("worker-1") == "its lease ended"
    assert ("recovering", "worker_lost") in await fleet.timeline("shop-1")

    async def long_enough() -> bool:
        return await fleet.tables.leases_are_over_for(leases.away - leases.seconds, "worker-1")

    await until(long_enough, within=leases.away)
    owners, refusals = await fleet.tables.owners(), await audit.refusals()
    back = await fleet.network.position()
    assert engines <= first.children()
    first.thaw()
    await first.said("lease_over")
    await first.said('"worker_registered"', times=2)

    async def its_engines_are_gone() -> bool:
        return not engines & first.children()

    await until(its_engines_are_gone)
    sent = {await fleet.sends(name, _ANN, f"from {name}") for name in _NAMES}
    for name in _NAMES:
        await fleet.hears(name, ["before", "meanwhile"])
    assert await audit.late_writes() == []
    assert await audit.epochs() == [1, 2], "both owners wrote, each in its time"
    assert await audit.refusals() == refusals, "the old clients did not even try"
    assert await fleet.tables.owners() == owners
    entries = await fleet.network.devices_of(*numbers, after=back)
    assert {entry["messageId"] for entry in entries if entry["kind"] == "message"} == sent
    assert [entry for entry in entries if entry["kind"] != "message"] == [], "nobody came or went"
    logged_in = await fleet.network.devices_of(*numbers, after=begun)
    devices = [entry["device"] for entry in logged_in if entry["kind"] == "online"]
    assert len(devices) == len(_NAMES), "once each, by the new owner"
    tell(f"the fence refused {refusals} writes until the old clients went on, and none after it")


async def test_clients_whose_agent_alone_is_frozen_end_before_anybody_takes_them_over(short_fleet: Stage):
    fleet = short_fleet
    first = await fleet.start_worker("worker-1")
    await fleet.new_session("shop-1")
    await fleet.start_worker("worker-2")
    assert first.children()
    first.signal(signal.SIGSTOP)

    async def all_ended() -> bool:
        return not first.children()

    await until(all_ended)
    assert (await fleet.tables.owners())["shop-1"] == ("worker-1", 1)
    await fleet.connected("shop-1", on="worker-2", within=40)
    assert await fleet.network.overlaps() == []
    first.signal(signal.SIGCONT)
    await first.said('"worker_registered"', times=2)
    await fleet.phone_writes("shop-1", _ANN, "after")
    await fleet.hears("shop-1", ["after"])
    assert (await fleet.tables.owners())["shop-1"] == ("worker-2", 2)


def _since(moment: float) -> str:
    return f"{time.monotonic() - moment:.1f} s"
