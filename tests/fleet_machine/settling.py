"""All trouble ends: then every wanted session runs, once, and nothing that was told is missing."""

from shared.session_state import SessionState
from tests.fleet_machine.steps import Steps
from tests.fleet_machine.world import LEASE

# Long enough for every lease to end and for the brake to let go, and no live worker misses its own end.
_ROUNDS, _PAUSE = 12, 0.7 * LEASE


def settle(machine: Steps) -> None:
    _mend(machine)
    why = ""
    for _ in range(_ROUNDS):
        for worker in list(machine.awake(registered=False)):
            machine.registers(worker)
        # A live worker beats many times before anybody looks.
        machine.a_good_round()
        machine.sweeps()
        machine.a_good_round()
        machine.everything_holds()
        why = _unsettled(machine)
        if not why:
            return
        machine.passes(_PAUSE)
    machine.demand(not why, "every_wanted_session_runs", why)


def _mend(machine: Steps) -> None:
    """Those that are dead stay dead, and one comes that has room for all."""
    machine.say("all trouble ends")
    for worker in list(machine.workers):
        if worker.frozen:
            machine.thaws(worker)
        if worker.awake and worker.asking is not None:
            machine.hears(worker)
        if worker.draining:
            worker.dies()
    for worker_id in machine.look_at().workers:
        machine.world.do(machine.calls.resume(worker_id))
    machine.registers(machine.new_process("rescue", 20))
    machine.everything_holds()


def _unsettled(machine: Steps) -> str:
    running: dict[str, list[int]] = {}
    for worker in machine.workers:
        for session, client in worker.running.items():
            running.setdefault(session, []).append(client.epoch)
        if worker.alive and worker.spool.waiting:
            return f"{worker.label} still has {len(worker.spool.waiting)} events in its spool"
    for identity, row in machine.now.sessions.items():
        wanted = row["wanted"] == "run"
        found = running.pop(identity, [])
        if found != ([row["epoch"]] if wanted else []):
            return f"{row['name']} is wanted: {wanted}, at {row['epoch']}, and runs at {found}"
        if wanted and row["status"] != SessionState.CONNECTED:
            return f"{row['name']} runs, and is said to be {row['status']}"
    return f"sessions run that nobody knows: {running}" if running else ""
