"""Most of a fleet is silent at once: that is a network, and nothing moves; but who is dead is dead."""

from tests.fleet.leases import Leases
from tests.fleet.stage import Stage
from tests.waiting import until

_NAMES = ("shop-1", "shop-2", "shop-3")
_ALARM = "most_workers_are_silent"


async def test_when_all_workers_are_silent_nothing_moves_but_the_sessions_of_the_one_that_died(
    fleet: Stage, leases: Leases
):
    # Each has room for one, so that each has one.
    room = {"WAYPOST_WORKER_CAPACITY": "1"}
    names = ("worker-1", "worker-2", "worker-3")
    workers = {name: await fleet.start_worker(name, **room) for name in names}
    for name in _NAMES:
        await fleet.new_session(name)
    owners = await fleet.tables.owners()
    session_of = {owner: name for name, (owner, _) in owners.items()}
    assert session_of.keys() == workers.keys()
    for worker in workers.values():
        worker.freeze()
    await fleet.background.said(_ALARM)

    async def all_leases_are_over() -> bool:
        return await fleet.tables.leases_are_over_for(0, *workers)

    await until(all_leases_are_over, within=leases.seconds * 3)
    await workers["worker-1"].kill()

    async def the_dead_one_is_known() -> bool:
        return await fleet.tables.end_of("worker-1") == "its process ended"

    await until(the_dead_one_is_known)
    await fleet.start_worker("worker-4")
    await fleet.connected(session_of["worker-1"], on="worker-4")

    async def silent_for_long() -> bool:
        seconds = leases.away - leases.seconds
        return await fleet.tables.leases_are_over_for(seconds, "worker-2", "worker-3")

    await until(silent_for_long, within=leases.away + 10)
    for name in ("worker-2", "worker-3"):
        assert await fleet.tables.end_of(name) is None
        assert (await fleet.tables.owners())[session_of[name]] == (name, 1)

    for name in ("worker-2", "worker-3"):
        workers[name].thaw()
    for name in ("worker-2", "worker-3"):
        # At a new epoch, for a client that was frozen is not trusted again.
        await workers[name].said('"worker_registered"', times=2)
        await fleet.connected(session_of[name], on=name)
        assert (await fleet.tables.owners())[session_of[name]] == (name, 2)
    assert len(fleet.background.lines(_ALARM)) == 1
    assert fleet.background.lines("worker_taken_over") == []
