"""The transactions of the model: each returns the state after its commit, or None where it has to wait."""

from dataclasses import replace
from typing import Any

from tests.ownership import law
from tests.ownership.model import Answer, Beat, Rules, State, with_control, with_host, with_row, with_session


def assign(state: State, index: int, row: int, restarts: int = 0) -> State | None:
    """Epoch, fence, owner and state in one transaction; it waits for whoever holds the fence row."""
    if law.raise_waits_for(state.holds, index):
        return None
    session = state.sessions[index]
    return with_session(
        state,
        index,
        worker=row,
        epoch=session.epoch + 1,
        fence=law.fence_after(session),
        assigned=state.clock,
        moving=False,
        stopped=False,
        seen=0,
        restarts=restarts,
        owners=(*session.owners, row),
    )


def place(state: State, rules: Rules, index: int, target: int) -> State | None:
    session = state.sessions[index]
    if not (state.control.up and session.wanted and not session.replaced):
        return None
    if session.worker >= 0 and not law.may_leave(session, state.rows[session.worker]):
        return None
    if not law.may_take(state.rows[target], state.clock, rules):
        return None
    return assign(state, index, target)


def register(state: State, rules: Rules, index: int) -> State | None:
    """A known id retires its old incarnation and raises the epochs of all its sessions."""
    host = state.hosts[index]
    row = state.rows[host.row]
    changed: State | None = with_row(
        state,
        host.row,
        incarnation=row.incarnation + 1,
        host=index,
        lease_until=state.clock + rules.lease,
        renewed=state.clock,
        beaten=state.clock,
        swept=False,
    )
    for number, session in enumerate(state.sessions):
        if changed is not None and law.registration_raises(session, host.row):
            changed = assign(changed, number, host.row)
    return changed


def renew(state: State, rules: Rules, index: int, beat: Beat) -> State | None:
    """One function for both ways to renew; it hands back what the worker still owns."""
    host = state.hosts[index]
    row = state.rows[host.row]
    if not law.may_renew(row, beat):
        answer = Answer(beat.sent, beat.incarnation, None, retired=law.is_retired(row, beat))
        return with_host(state, index, asking=None, answer=answer)
    if beat.direct and not law.direct_renewal_is_open(state.control, row, state.clock, rules):
        return with_host(state, index, asking=None)
    times = {"lease_until": state.clock + rules.lease, "renewed": state.clock}
    if not beat.direct:
        times["beaten"] = state.clock
    changed = take_reports(with_row(state, host.row, **times), rules, host.row, beat)
    if changed is None:
        return None
    answer = Answer(beat.sent, beat.incarnation, orders(changed, host.row), beat.replaced)
    return with_host(changed, index, asking=None, answer=answer)


def orders(state: State, row: int) -> tuple[tuple[int, int], ...]:
    return tuple(
        (number, session.epoch)
        for number, session in enumerate(state.sessions)
        if session.worker == row and session.wanted and not session.moving and not session.replaced
    )


def take_reports(state: State, rules: Rules, row: int, beat: Beat) -> State | None:
    changed: State | None = state
    for index, epoch in beat.running:
        session = state.sessions[index]
        if law.report_counts(session, epoch) and session.seen != epoch:
            state = with_session(state, index, seen=epoch)
    for index, session in enumerate(state.sessions):
        if session.worker == row and not session.stopped and law.stop_is_confirmed(session, index, beat):
            state = with_session(state, index, stopped=True)
    changed = state
    for index, epoch in beat.replaced:
        if changed is not None:
            changed = take_replaced(changed, rules, row, index, epoch)
    return changed


def take_replaced(state: State, rules: Rules, row: int, index: int, epoch: int) -> State | None:
    session = state.sessions[index]
    if session.worker != row or not law.report_counts(session, epoch) or session.replaced:
        return state
    if law.restarts_after_replaced(session, state.clock, rules):
        return assign(state, index, row, restarts=session.restarts + 1)
    return with_session(state, index, replaced=True, seen=0)


def look(state: State, rules: Rules) -> State | None:
    """What the sweeper reads without a lock: whom it may sweep, and whether the brake is on."""
    control, clock = state.control, state.clock
    if not control.up or not law.sweeper_is_awake(control, clock, rules):
        return None
    ended = tuple(
        (number, row.incarnation)
        for number, row in enumerate(state.rows)
        if not row.swept and clock >= row.lease_until
    )
    return with_control(state, looked=ended, alarm=law.brake_until(state.rows, clock, rules) is not None)


def sweep(state: State, rules: Rules, index: int) -> State | None:
    control = state.control
    looked = next((pair for pair in control.looked if pair[0] == index), None)
    if not control.up or looked is None:
        return None
    until = law.brake_until(state.rows, state.clock, rules)
    left = tuple(pair for pair in control.looked if pair != looked)
    changed = with_control(state, looked=left, alarm=until is not None)
    braked = until is not None and state.clock < until
    if braked or not law.may_sweep(state.rows[index], looked[1], state.clock):
        return changed
    return replace(with_row(changed, index, swept=True), outcome="swept")


def probe(state: State, rules: Rules, index: int) -> State | None:
    """The endpoint refuses only when the agent that registered there is gone; a frozen one just times out."""
    row = state.rows[index]
    if not state.control.up or row.swept or state.hosts[row.host].alive:
        return None
    proof = (index, row.incarnation, row.renewed)
    return with_control(state, proofs=tuple(sorted({*state.control.proofs, proof})))


def take_over_the_dead(state: State, rules: Rules, index: int) -> State | None:
    control = state.control
    proof = next((proof for proof in control.proofs if proof[0] == index), None)
    if not control.up or proof is None:
        return None
    changed = with_control(state, proofs=tuple(other for other in control.proofs if other != proof))
    if not law.proof_stands(state.rows[index], proof):
        return changed
    return replace(with_row(changed, index, swept=True), outcome="taken over")


def terminate(state: State, rules: Rules, index: int) -> State | None:
    """A raise that waited its lock time-out ends the backend of the old epoch, and so the transaction."""
    worker = state.sessions[index].worker
    held = any(hold.session == index for hold in state.holds)
    if not (state.control.up and held and worker >= 0):
        return None
    waits = state.rows[worker].swept or any(
        host.row == worker and host.alive and host.incarnation == 0 for host in state.hosts
    )
    if not waits:
        return None
    return replace(state, holds=tuple(hold for hold in state.holds if hold.session != index))


def apply_spool(state: State, index: int) -> State:
    host = state.hosts[index]
    for number, epoch, position in host.spool:
        session = state.sessions[number]
        if not law.was_owner(session, epoch, host.row) or not law.is_new(session, epoch, position):
            continue
        changes: dict[str, Any] = {"applied": (*session.applied, (epoch, position))}
        if law.report_counts(session, epoch):
            changes["seen"] = epoch
        state = with_session(state, number, **changes)
    return state
