"""The table of actions of the model: what may happen, to what, and whether it is a disturbance."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tests.ownership import database, fleet, law
from tests.ownership.fleet import awake, without_engines
from tests.ownership.model import Hold, Rules, State, with_control, with_host, with_session


def beat(state: State, rules: Rules, index: int, direct: bool = False) -> State | None:
    """Sent, received and answered within an instant."""
    for step in (
        partial(fleet.send, index=index, direct=direct),
        partial(fleet.receive, rules=rules, index=index),
        partial(fleet.hear, rules=rules, index=index),
    ):
        changed = step(state)
        if changed is None:
            return None
        state = changed
        if direct and state.hosts[index].asking is None and state.hosts[index].answer is None:
            return state
    return state


def write(state: State, rules: Rules, index: int, session: int) -> State | None:
    host = state.hosts[index]
    engine = host.engine(session)
    if engine is None or host.frozen or not host.store:
        return None
    if law.fence_lets(state.sessions[session], engine.epoch):
        return replace(state, outcome=f"accepted {engine.epoch}")
    return replace(without_engines(state, index, lambda other: other is engine), outcome="refused")


def begin(state: State, rules: Rules, index: int, session: int) -> State | None:
    host = state.hosts[index]
    engine = host.engine(session)
    if engine is None or host.frozen or not host.store:
        return None
    if any(hold.host == index and hold.session == session for hold in state.holds):
        return None
    if not law.fence_lets(state.sessions[session], engine.epoch):
        return replace(without_engines(state, index, lambda other: other is engine), outcome="refused")
    hold = Hold(session, index, engine.epoch, state.clock)
    return replace(state, holds=(*state.holds, hold), outcome="begun")


def commit(state: State, rules: Rules, index: int, session: int) -> State | None:
    host = state.hosts[index]
    hold = next((hold for hold in state.holds if (hold.session, hold.host) == (session, index)), None)
    if hold is None or host.frozen or not host.store:
        return None
    left = tuple(other for other in state.holds if other is not hold)
    return replace(state, holds=left, outcome=f"accepted {hold.epoch}")


def tell(state: State, rules: Rules, index: int, session: int) -> State | None:
    host = state.hosts[index]
    engine = host.engine(session)
    if engine is None or host.frozen or not engine.online or len(state.told) >= 2:
        return None
    position = 1 + sum(told[:2] == (session, engine.epoch) for told in state.told)
    event = (session, engine.epoch, position)
    state = replace(state, told=tuple(sorted((*state.told, event))))
    return with_host(state, index, spool=(*host.spool, event))


def evict_from_outside(state: State, rules: Rules, index: int, session: int) -> State | None:
    host = state.hosts[index]
    engine = host.engine(session)
    if engine is None or host.frozen or not engine.online:
        return None
    return fleet.stop_replaced(state, index, engine)


def notice_replaced(state: State, rules: Rules, index: int, session: int) -> State | None:
    host = state.hosts[index]
    engine = host.engine(session)
    if engine is None or host.frozen or engine.online:
        return None
    return fleet.stop_replaced(state, index, engine)


def crash(state: State, rules: Rules, index: int) -> State | None:
    """The agent dies; its engines follow at the next tick. What is in flight and the spool stay."""
    if not state.hosts[index].alive:
        return None
    changes: dict[str, Any] = {"alive": False, "frozen": False, "incarnation": 0, "deadline": 0}
    return with_host(state, index, answer=None, replaced=(), **changes)


def restart(state: State, rules: Rules, index: int) -> State | None:
    return None if state.hosts[index].alive else with_host(state, index, alive=True)


def crash_engine(state: State, rules: Rules, index: int, session: int) -> State | None:
    engine = state.hosts[index].engine(session)
    return None if engine is None else without_engines(state, index, lambda other: other is engine)


def freeze(state: State, rules: Rules, index: int) -> State | None:
    return with_host(state, index, frozen=True) if awake(state.hosts[index]) else None


def thaw(state: State, rules: Rules, index: int) -> State | None:
    return with_host(state, index, frozen=False) if state.hosts[index].frozen else None


def switch(state: State, rules: Rules, index: int, what: str, on: bool) -> State | None:
    return with_host(state, index, **{what: on}) if getattr(state.hosts[index], what) is not on else None


def control_crash(state: State, rules: Rules) -> State | None:
    return with_control(state, up=False, looked=(), proofs=()) if state.control.up else None


def control_start(state: State, rules: Rules) -> State | None:
    if state.control.up:
        return None
    return with_control(state, up=True, since=state.clock, beat=state.clock, alarm=False)


def ask_move(state: State, rules: Rules, session: int) -> State | None:
    row = state.sessions[session]
    if not state.control.up or row.worker < 0 or row.moving or state.rows[row.worker].swept:
        return None
    return with_session(state, session, moving=True)


def want(state: State, rules: Rules, session: int, run: bool) -> State | None:
    row = state.sessions[session]
    if row.wanted is run and not (run and row.replaced):
        return None
    return with_session(state, session, wanted=run, replaced=row.replaced and not run, restarts=0)


@dataclass(frozen=True, slots=True)
class Action:
    does: Callable[..., State | None]
    # What each argument counts through.
    over: str = ""
    disturbs: bool = False


def _plain(function: Callable[..., State | None], **fixed: Any) -> Callable[..., State | None]:
    return lambda state, rules, index: function(state, index=index, **fixed)


TABLE: dict[str, Action] = {
    "tick": Action(fleet.tick),
    "register": Action(fleet.register, "h"),
    "register_unanswered": Action(partial(fleet.register, answered=False), "h", disturbs=True),
    "beat": Action(beat, "h"),
    "beat_direct": Action(partial(beat, direct=True), "h"),
    "send": Action(_plain(fleet.send, direct=False), "h"),
    "send_direct": Action(_plain(fleet.send, direct=True), "h"),
    "receive": Action(fleet.receive, "h"),
    "hear": Action(fleet.hear, "h"),
    "lose": Action(_plain(fleet.lose), "h", disturbs=True),
    "look": Action(database.look),
    "sweep": Action(database.sweep, "w"),
    "probe": Action(database.probe, "w"),
    "take_over_the_dead": Action(database.take_over_the_dead, "w"),
    "terminate": Action(database.terminate, "s"),
    "place": Action(database.place, "sw"),
    "ask_move": Action(ask_move, "s", disturbs=True),
    "want_stop": Action(partial(want, run=False), "s", disturbs=True),
    "want_run": Action(partial(want, run=True), "s"),
    "write": Action(write, "hs"),
    "begin": Action(begin, "hs"),
    "commit": Action(commit, "hs"),
    "tell": Action(tell, "hs"),
    "ship": Action(_plain(fleet.ship), "h"),
    "ship_unanswered": Action(_plain(fleet.ship, answered=False), "h"),
    "ship_lost": Action(_plain(fleet.ship, applied=False), "h"),
    "crash": Action(crash, "h", disturbs=True),
    "restart": Action(restart, "h"),
    "crash_engine": Action(crash_engine, "hs", disturbs=True),
    "freeze": Action(freeze, "h", disturbs=True),
    "thaw": Action(thaw, "h"),
    "cut_link": Action(partial(switch, what="link", on=False), "h", disturbs=True),
    "heal_link": Action(partial(switch, what="link", on=True), "h"),
    "cut_store": Action(partial(switch, what="store", on=False), "h", disturbs=True),
    "heal_store": Action(partial(switch, what="store", on=True), "h"),
    "control_crash": Action(control_crash, disturbs=True),
    "control_start": Action(control_start),
    "reconnect": Action(fleet.reconnect, "hs"),
    "notice_replaced": Action(notice_replaced, "hs"),
    "evict_from_outside": Action(evict_from_outside, "hs", disturbs=True),
}


def act(state: State, rules: Rules, name: str, *arguments: int) -> State | None:
    """The state after the action, or None where it cannot happen now."""
    action = TABLE[name]
    if action.disturbs and state.disturbances <= 0:
        return None
    if state.outcome:
        state = replace(state, outcome="")
    function = action.does
    changed = function(state, rules, *arguments)
    if changed is not None and action.disturbs:
        changed = replace(changed, disturbances=changed.disturbances - 1)
    return changed


def every(state: State, names: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    ranges = {"h": range(len(state.hosts)), "w": range(len(state.rows)), "s": range(len(state.sessions))}
    for name in names:
        over = TABLE[name].over
        if not over:
            yield (name,)
        elif len(over) == 1:
            yield from ((name, one) for one in ranges[over])
        else:
            yield from ((name, one, two) for one in ranges[over[0]] for two in ranges[over[1]])
