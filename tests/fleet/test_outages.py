"""The control plane is away, and workers are the only ones who know it: they go on as if it were there."""

from tests.fleet.conftest import Tell
from tests.fleet.leases import Leases
from tests.fleet.stage import Stage
from tests.waiting import until

_NAMES = ("shop-1", "shop-2", "shop-3")
_ROUNDS = 20


async def test_while_the_control_plane_is_killed_nothing_moves_or_stops_and_no_message_is_lost(
    fleet: Stage, leases: Leases, tell: Tell
):
    # None has room for all, so that both have some.
    room = {"WAYPOST_WORKER_CAPACITY": "2"}
    workers = [await fleet.start_worker("worker-1", **room), await fleet.start_worker("worker-2", **room)]
    for name in _NAMES:
        await fleet.new_session(name)
        # A pairing's process hands its session over after a while, which would look like an end here.
        await fleet.call("POST", f"/v1/sessions/{name}/restart", 202)
    await fleet.connected(*_NAMES)
    numbers = {name: (await fleet.session(name))["phone"] for name in _NAMES}
    people = {name: f"+49151000001{at}" for at, name in enumerate(_NAMES)}
    for name in _NAMES:
        await fleet.phone_writes(name, people[name], "0")
        await fleet.hears(name, ["0"])
    owners, begun = await fleet.tables.owners(), await fleet.network.position()
    assert {owner for owner, _ in owners.values()} == {"worker-1", "worker-2"}

    await fleet.api.kill()
    await fleet.background.kill()
    for number in range(1, _ROUNDS + 1):
        gone = leases.away * number / _ROUNDS

        async def so_long(gone: float = gone) -> bool:
            return await fleet.tables.unheard_for(gone)

        await until(so_long, within=leases.away)
        if number == _ROUNDS // 2:
            # Its sweeper sees nothing but silence, and leases that are renewed all the same.
            fleet.background = await fleet.start_background()
        for name in _NAMES:
            await fleet.network.phone_writes(people[name], numbers[name], str(number))
    for worker in workers:
        assert worker.lines("lease_renewed_at_the_store")
    fleet.api = await fleet.start_api()

    for name in _NAMES:
        await fleet.hears(name, [str(number) for number in range(_ROUNDS + 1)])
    await fleet.connected(*_NAMES)
    for name in _NAMES:
        await fleet.sends(name, people[name], "here again")
    assert await fleet.tables.owners() == owners
    entries = await fleet.network.devices_of(*numbers.values(), after=begun)
    assert {entry["kind"] for entry in entries} == {"message"}, "no client came or went"
    assert [line for worker in workers for line in worker.lines("lease_over")] == []
    tell(f"without a control plane for {leases.away:.0f} s, with a lease of {leases.seconds:.0f} s: all well")
