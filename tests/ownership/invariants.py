"""What must hold: in every reachable state, and for every single step."""

from tests.ownership.model import Rules, State

Action = tuple[object, ...]


def broken_in(state: State, rules: Rules) -> str | None:
    """The first sentence that does not hold here."""
    for check in STATE_CHECKS:
        sentence = check(state, rules)
        if sentence:
            return sentence
    return None


def one_unfenced_writer(state: State, rules: Rules) -> str | None:
    for index, session in enumerate(state.sessions):
        writers = [
            engine.epoch
            for host in state.hosts
            for engine in host.engines
            if engine.session == index and engine.epoch == session.fence
        ]
        if len(writers) > 1:
            return f"session {index} has {len(writers)} store writers that no fence tells apart"
        if session.fence != session.epoch:
            return f"session {index} has epoch {session.epoch} and fence {session.fence}"
    return None


def no_raise_slips_under_a_transaction(state: State, rules: Rules) -> str | None:
    for hold in state.holds:
        if hold.epoch != state.sessions[hold.session].epoch:
            return f"session {hold.session} was raised while epoch {hold.epoch} was inside a transaction"
    return None


def one_able_engine(state: State, rules: Rules) -> str | None:
    """The sentence that the code is held to.

    Two engines of a session both pass the check before a command only if the worker of the older was
    retired early: its agent is dead and the engine ends with it, or its id has registered on another
    machine. Even then the older passes it only until 12 s after its last renewal was sent, and so only
    within the lease that this renewal bought. After a sweep or a hand-over the older never passes it.
    That WhatsApp lets only the newest in is not counted on.
    """
    for index in range(len(state.sessions)):
        able = sorted(
            (engine.epoch, number, engine)
            for number, host in enumerate(state.hosts)
            for engine in host.engines
            if engine.session == index and host.may_command(engine, state.clock)
        )
        for _, number, engine in able[:-1]:
            host = state.hosts[number]
            row = state.rows[host.row]
            beside = sum(other.session == index for other in host.engines) > 1
            orphan = not host.alive or engine.incarnation != host.incarnation
            retired = engine.incarnation < row.incarnation and row.host != number
            if beside or not (orphan or retired):
                return f"session {index} has two engines that may command WhatsApp"
    return None


def deadlines_end_before_leases(state: State, rules: Rules) -> str | None:
    for number, host in enumerate(state.hosts):
        row = state.rows[host.row]
        if row.host != number or row.incarnation != host.incarnation:
            continue
        until = max((host.deadline, *(engine.deadline for engine in host.engines)))
        if until > state.clock and row.swept:
            return f"host {number} may run until {until} and is swept"
        if until > state.clock and until >= row.lease_until:
            return f"host {number} may run until {until}, its lease ends at {row.lease_until}"
    return None


def events_are_applied_once_and_kept(state: State, rules: Rules) -> str | None:
    spooled = {event for host in state.hosts for event in host.spool}
    for index, session in enumerate(state.sessions):
        if len(set(session.applied)) != len(session.applied):
            return f"an event of session {index} was applied twice"
        last: dict[int, int] = {}
        for epoch, position in session.applied:
            if position != last.get(epoch, 0) + 1:
                return f"events of session {index} were applied out of order"
            last[epoch] = position
    for index, epoch, position in state.told:
        applied = (epoch, position) in state.sessions[index].applied
        if not applied and (index, epoch, position) not in spooled:
            return f"event {position} of session {index} at epoch {epoch} is lost"
    return None


def states_rest_on_the_present_epoch(state: State, rules: Rules) -> str | None:
    for index, session in enumerate(state.sessions):
        if session.seen not in (0, session.epoch):
            return f"the state of session {index} was changed by the stale epoch {session.seen}"
    return None


def no_endless_fight(state: State, rules: Rules) -> str | None:
    for index, session in enumerate(state.sessions):
        if session.restarts > rules.restarts:
            return f"session {index} was restarted {session.restarts} times against its rival"
    return None


STATE_CHECKS = (
    one_unfenced_writer,
    no_raise_slips_under_a_transaction,
    one_able_engine,
    deadlines_end_before_leases,
    events_are_applied_once_and_kept,
    states_rest_on_the_present_epoch,
    no_endless_fight,
)


def broken_by(before: State, action: Action, after: State, rules: Rules) -> str | None:
    """The first sentence that this step breaks."""
    for index, (old, new) in enumerate(zip(before.sessions, after.sessions, strict=True)):
        if new.epoch < old.epoch or new.fence < old.fence:
            return f"the epoch of session {index} fell"
    check = STEP_CHECKS.get(str(action[0]))
    return check(before, action, after, rules) if check else None


def _stale_write(before: State, action: Action, after: State, rules: Rules) -> str | None:
    session = int(str(action[2]))
    accepted = after.outcome.startswith("accepted")
    if accepted and int(after.outcome.split()[1]) != before.sessions[session].epoch:
        return f"the store accepted a write of session {session} with a stale epoch"
    return None


def _wrong_sweep(before: State, action: Action, after: State, rules: Rules) -> str | None:
    if after.outcome != "swept":
        return None
    clock = before.clock
    if clock < before.rows[int(str(action[1]))].lease_until:
        return "a worker was swept within its lease"
    if clock - before.control.since < rules.lease:
        return "a control plane swept before the workers had a lease's time to find it"
    fleet = [row.renewed for row in before.rows if not row.swept]
    at_once = len(fleet) > 1 and max(fleet) - min(fleet) <= rules.silent_after
    if at_once and rules.silent_after <= clock - max(fleet) < rules.brake:
        return "the whole fleet was silent at once and a session moved before the brake's time was over"
    return None


def _wrong_proof(before: State, action: Action, after: State, rules: Rules) -> str | None:
    row = before.rows[int(str(action[1]))]
    alive = before.hosts[row.host].incarnation == row.incarnation
    return "a living worker was taken over as dead" if after.outcome and alive else None


def _wrong_place(before: State, action: Action, after: State, rules: Rules) -> str | None:
    row = after.rows[int(str(action[2]))]
    unfit = row.swept or after.clock >= row.lease_until
    return "a session was given to a worker without a lease" if unfit else None


def _left_over(before: State, action: Action, after: State, rules: Rules) -> str | None:
    """Only a frozen engine is past its deadline, and a thawed one until the next tick; none is an orphan."""
    for host in after.hosts:
        for engine in host.engines:
            orphan = not host.alive or engine.incarnation != host.incarnation
            if not host.frozen and (orphan or after.clock >= engine.deadline):
                return "an engine runs past its deadline or without its agent"
    return None


def _late_start(before: State, action: Action, after: State, rules: Rules) -> str | None:
    index = int(str(action[1]))
    known = {(engine.session, engine.epoch) for engine in before.hosts[index].engines}
    for engine in after.hosts[index].engines:
        if (engine.session, engine.epoch) not in known and after.clock >= engine.deadline:
            return "an answer that came too late started an engine"
    return None


def _wrong_direct(before: State, action: Action, after: State, rules: Rules) -> str | None:
    host = before.hosts[int(str(action[1]))]
    row, renewed = before.rows[host.row], after.rows[host.row].lease_until
    direct = action[0] == "beat_direct" or (host.asking is not None and host.asking.direct)
    if not direct or renewed == row.lease_until:
        return None
    if before.clock - before.control.beat < rules.api_silence:
        return "a worker renewed around a control plane that was there"
    if before.clock - row.beaten > rules.direct_window:
        return "a worker renewed around the control plane for longer than it may"
    return None


STEP_CHECKS = {
    "write": _stale_write,
    "commit": _stale_write,
    "sweep": _wrong_sweep,
    "take_over_the_dead": _wrong_proof,
    "place": _wrong_place,
    "tick": _left_over,
    "hear": _late_start,
    "receive": _wrong_direct,
    "beat_direct": _wrong_direct,
}
