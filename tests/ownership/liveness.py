"""A fair run: everything heals, everybody gets a turn; then no session may stay lost."""

from dataclasses import replace

from tests.ownership.actions import act
from tests.ownership.model import Rules, State


def healed(state: State, rules: Rules, alone: int | None = None) -> State:
    """Every fault mended; with `alone`, every other host is dead for good."""
    for index in range(len(state.hosts)):
        dies = alone is not None and index != alone
        for step in ("crash",) if dies else ("thaw", "heal_link", "heal_store", "restart"):
            state = act(state, rules, step, index) or state
    state = act(state, rules, "control_start") or state
    return replace(state, disturbances=1_000)


def one_turn_each(state: State, rules: Rules) -> State:
    for name in ("look", "terminate", "sweep", "place"):
        for index in range(max(len(state.rows), len(state.sessions))):
            for arguments in _arguments(state, name, index):
                state = act(state, rules, name, *arguments) or state
    for index, host in enumerate(state.hosts):
        if host.asking or host.answer:
            state = act(state, rules, "lose", index) or state
        for name in ("register", "beat", "ship"):
            state = act(state, rules, name, index) or state
    return act(state, rules, "tick") or state


def _arguments(state: State, name: str, index: int) -> list[tuple[int, ...]]:
    if name == "look":
        return [()] if index == 0 else []
    if name == "sweep":
        return [(index,)] if index < len(state.rows) else []
    if index >= len(state.sessions):
        return []
    return [(index,)] if name == "terminate" else [(index, row) for row in range(len(state.rows))]


def lost_after_a_fair_run(state: State, rules: Rules, alone: int | None = None) -> str | None:
    state = healed(state, rules, alone)
    for _ in range(rules.brake + 3 * rules.lease + 4):
        state = one_turn_each(state, rules)
    settled = [session.epoch for session in state.sessions]
    for _ in range(3):
        state = one_turn_each(state, rules)
    if settled != [session.epoch for session in state.sessions]:
        return "a session goes to and fro for ever"
    for index, session in enumerate(state.sessions):
        if not session.wanted or session.replaced:
            continue
        runs = [
            host.row
            for host in state.hosts
            for engine in host.engines
            if (engine.session, engine.epoch) == (index, session.epoch) and engine.online
        ]
        if runs != [session.worker] or state.rows[session.worker].swept:
            return f"session {index} is lost: wanted, and run by {runs}"
    if alone is None and any(host.spool for host in state.hosts):
        return "a spool was never taken"
    return None
