"""The decisions of the model, one function each: a planted fault replaces exactly one of them."""

from tests.ownership.model import Beat, ControlPlane, Hold, Host, Row, Rules, Session


def deadline(sent: int, heard: int, rules: Rules) -> int:
    """Counted from when the renewal was sent, however late its answer is heard."""
    return sent + rules.self_fence


def may_ask(host: Host) -> bool:
    """One beat at a time: a report that crosses an answer does not know what that answer starts."""
    return host.asking is None and host.answer is None


def may_renew(row: Row, beat: Beat) -> bool:
    """A lease that ended but was not swept may still be renewed."""
    return row.incarnation == beat.incarnation and not row.swept


def is_retired(row: Row, beat: Beat) -> bool:
    """The swept may register again; the retired must end, or two agents of one id fight for ever."""
    return row.incarnation != beat.incarnation


def direct_renewal_is_open(control: ControlPlane, row: Row, clock: int, rules: Rules) -> bool:
    return clock - control.beat >= rules.api_silence and clock - row.beaten <= rules.direct_window


def fence_after(session: Session) -> int:
    return session.epoch + 1


def registration_raises(session: Session, row: int) -> bool:
    return session.worker == row


def fence_lets(session: Session, epoch: int) -> bool:
    return epoch == session.fence


def raise_waits_for(holds: tuple[Hold, ...], session: int) -> bool:
    return any(hold.session == session for hold in holds)


def report_counts(session: Session, epoch: int) -> bool:
    return epoch == session.epoch


def was_owner(session: Session, epoch: int, row: int) -> bool:
    return 0 < epoch <= len(session.owners) and session.owners[epoch - 1] == row


def is_new(session: Session, epoch: int, position: int) -> bool:
    return (epoch, position) not in session.applied


def trimmed(host: Host, applied: bool) -> tuple[tuple[int, int, int], ...]:
    return () if applied else host.spool


def is_silent(row: Row, clock: int, rules: Rules) -> bool:
    """Missed beats, not ended leases: when the first lease of a cut-off fleet ends, the others still run."""
    return not row.swept and clock - row.renewed >= rules.silent_after


def brake_until(rows: tuple[Row, ...], clock: int, rules: Rules) -> int | None:
    """Read off the rows, never remembered: a sweeper that looked away would count from an older silence."""
    fleet = [row for row in rows if not row.swept]
    silent = sorted(row.renewed for row in fleet if is_silent(row, clock, rules))
    majority = max(2, len(fleet) // 2 + 1)
    if len(silent) < majority:
        return None
    return silent[majority - 1] + rules.silent_after + rules.brake


def may_sweep(row: Row, incarnation: int, clock: int) -> bool:
    """Asked again under the lock of the row, whatever was seen before."""
    return row.incarnation == incarnation and not row.swept and clock >= row.lease_until


def sweeper_is_awake(control: ControlPlane, clock: int, rules: Rules) -> bool:
    return clock - control.since >= rules.lease


def proof_stands(row: Row, proof: tuple[int, int, int]) -> bool:
    return not row.swept and (row.incarnation, row.renewed) == proof[1:]


def may_take(row: Row, clock: int, rules: Rules) -> bool:
    return not row.swept and clock < row.lease_until and not is_silent(row, clock, rules)


def may_leave(session: Session, row: Row) -> bool:
    """A session leaves a worker that is swept, or one that confirmed the stop of a hand-over."""
    return row.swept or (session.moving and session.stopped)


def stop_is_confirmed(session: Session, index: int, beat: Beat) -> bool:
    return session.moving and (index, session.epoch) not in beat.running


def restarts_after_replaced(session: Session, clock: int, rules: Rules) -> bool:
    return clock - session.assigned < rules.young and session.restarts < rules.restarts


def may_start(host: Host, until: int, clock: int) -> bool:
    """Not on an answer that came too late, and not beside engines of an earlier agent."""
    return clock < until and all(engine.incarnation == host.incarnation for engine in host.engines)


def is_orphan(host: Host, incarnation: int) -> bool:
    """Pipe end-of-file and the parent-death signal: an engine does not outlive the agent that started it."""
    return not host.alive or incarnation != host.incarnation


def ends_itself(until: int, clock: int) -> bool:
    return clock >= until
