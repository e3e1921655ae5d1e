"""What hosts, their links and WhatsApp do in the model."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tests.ownership import database, law
from tests.ownership.model import Answer, Beat, Engine, Host, Rules, State, with_control, with_host


def awake(host: Host) -> bool:
    return host.alive and not host.frozen


def without_engines(state: State, index: int, ends: Callable[[Engine], bool]) -> State:
    """A process that ends takes its database connection, and so its transaction, with it."""
    host = state.hosts[index]
    gone = {(engine.session, engine.epoch) for engine in host.engines if ends(engine)}
    if not gone:
        return state
    left = tuple(engine for engine in host.engines if not ends(engine))
    holds = tuple(h for h in state.holds if h.host != index or (h.session, h.epoch) not in gone)
    return replace(with_host(state, index, engines=left), holds=holds)


def tick(state: State, rules: Rules) -> State:
    clock = state.clock + 1
    holds = tuple(hold for hold in state.holds if clock - hold.since < rules.idle_in_transaction)
    state = replace(state, clock=clock, holds=holds)
    if state.control.up:
        state = with_control(state, beat=clock)
    for index, host in enumerate(state.hosts):
        if not host.frozen and host.engines:
            for engine in host.engines:
                state = state if engine.online else stop_replaced(state, index, engine)
            state = without_engines(state, index, partial(_ends, host, clock))
    return state


def _ends(host: Host, clock: int, engine: Engine) -> bool:
    return law.is_orphan(host, engine.incarnation) or law.ends_itself(engine.deadline, clock)


def register(state: State, rules: Rules, index: int, answered: bool = True) -> State | None:
    host = state.hosts[index]
    if not (awake(host) and host.incarnation == 0 and host.link and state.control.up):
        return None
    changed = database.register(state, rules, index)
    if changed is None or not answered:
        return changed
    incarnation = changed.rows[host.row].incarnation
    until = law.deadline(state.clock, state.clock, rules)
    return with_host(changed, index, incarnation=incarnation, deadline=until, asking=None, answer=None)


def send(state: State, index: int, direct: bool) -> State | None:
    host = state.hosts[index]
    if not (awake(host) and host.incarnation and law.may_ask(host)):
        return None
    if not (host.store if direct else host.link):
        return None
    running = tuple((engine.session, engine.epoch) for engine in host.engines)
    beat = Beat(state.clock, host.incarnation, running, host.replaced, direct)
    return with_host(state, index, asking=beat)


def receive(state: State, rules: Rules, index: int) -> State | None:
    host = state.hosts[index]
    if host.asking is None:
        return None
    arrives = host.store if host.asking.direct else host.link and state.control.up
    return database.renew(state, rules, index, host.asking) if arrives else None


def lose(state: State, index: int) -> State | None:
    """A time-out of the worker: whatever comes later on that connection is not read any more."""
    host = state.hosts[index]
    if host.asking is None and host.answer is None:
        return None
    return with_host(state, index, asking=None, answer=None)


def hear(state: State, rules: Rules, index: int) -> State | None:
    host = state.hosts[index]
    answer = host.answer
    if answer is None or not awake(host):
        return None
    state = with_host(state, index, answer=None)
    if answer.incarnation != host.incarnation:
        return state
    if answer.orders is None:
        state = without_engines(state, index, lambda engine: True)
        return with_host(state, index, alive=not answer.retired, incarnation=0, deadline=0, replaced=())
    return _obey(state, rules, index, answer, answer.orders)


def _obey(
    state: State, rules: Rules, index: int, answer: Answer, orders: tuple[tuple[int, int], ...]
) -> State:
    until = max(state.hosts[index].deadline, law.deadline(answer.sent, state.clock, rules))
    # An agent knows its own engines only; those of an earlier agent end by themselves.
    mine = answer.incarnation
    state = without_engines(
        state, index, lambda e: e.incarnation == mine and (e.session, e.epoch) not in orders
    )
    host = state.hosts[index]
    engines = tuple(replace(e, deadline=until) if e.incarnation == mine else e for e in host.engines)
    unanswered = tuple(report for report in host.replaced if report not in answer.told_replaced)
    state = with_host(state, index, deadline=until, engines=engines, replaced=unanswered)
    for session, epoch in orders:
        host = state.hosts[index]
        runs = any((e.session, e.incarnation) == (session, mine) for e in host.engines)
        if runs or (session, epoch) in unanswered or not law.may_start(host, until, state.clock):
            continue
        engine = Engine(session, epoch, mine, until)
        state = with_host(state, index, engines=(*host.engines, engine))
        state = evict_others(state, index, session)
    return state


def evict_others(state: State, index: int, session: int) -> State:
    """WhatsApp lets one client of a device in: the newest. The other learns of it a moment later."""
    for other, host in enumerate(state.hosts):
        if other == index or not any(e.session == session and e.online for e in host.engines):
            continue
        engines = tuple(replace(e, online=False) if e.session == session else e for e in host.engines)
        state = with_host(state, other, engines=engines)
    return state


def stop_replaced(state: State, index: int, engine: Engine) -> State:
    """StreamReplaced means stop, then report."""
    state = without_engines(state, index, lambda other: other is engine)
    host = state.hosts[index]
    if not host.alive or engine.incarnation != host.incarnation:
        return state
    return with_host(state, index, replaced=(*host.replaced, (engine.session, engine.epoch)))


def reconnect(state: State, rules: Rules, index: int, session: int) -> State | None:
    """Done by the client library itself, and so before the engine has looked at its deadline."""
    host = state.hosts[index]
    engine = host.engine(session)
    if engine is None or engine.online or host.frozen:
        return None
    engines = tuple(replace(e, online=True) if e is engine else e for e in host.engines)
    return evict_others(with_host(state, index, engines=engines), index, session)


def ship(state: State, index: int, applied: bool = True, answered: bool = True) -> State | None:
    host = state.hosts[index]
    if not (awake(host) and host.incarnation and host.spool and host.link and state.control.up):
        return None
    if applied:
        state = database.apply_spool(state, index)
    return with_host(state, index, spool=law.trimmed(host, applied and answered))
