"""Faults to plant into the model, one at a time: each replaces one decision of `law.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    decision: str
    instead: Callable[..., Any]
    # Where exploration looks for it; nothing where it is left to the interleavings.
    scenario: str | None


SWEPT, LATE, RETURNS = "a host freezes in the store", "beats are late or lost", "a worker dies and returns"
TWIN, AWAY, MOVED = "a second machine claims the id", "the control plane is away", "a session is handed over"
EVICTED, TOLD, SILENT = "clients evict each other", "events are told and shipped", "three workers fall silent"
PROOF = "proof of death"

FAULTS = (
    Fault("self-fencing comes after the lease", "deadline", lambda sent, heard, r: sent + r.lease + 1, LATE),
    Fault(
        "the deadline counts from the answer", "deadline", lambda sent, heard, r: heard + r.self_fence, LATE
    ),
    Fault("an engine outlives its deadline", "ends_itself", lambda until, clock: False, LATE),
    Fault("an engine outlives its agent", "is_orphan", lambda host, incarnation: False, RETURNS),
    Fault("a late answer starts engines", "may_start", lambda host, until, clock: True, LATE),
    Fault(
        "an agent starts beside earlier engines", "may_start", lambda h, until, clock: clock < until, RETURNS
    ),
    Fault("the fence is not raised", "fence_after", lambda session: session.fence, SWEPT),
    Fault("the fence lets every epoch in", "fence_lets", lambda session, epoch: True, SWEPT),
    Fault("a raise does not wait for a transaction", "raise_waits_for", lambda holds, session: False, SWEPT),
    Fault("registration raises no epoch", "registration_raises", lambda session, row: False, TWIN),
    Fault(
        "a swept incarnation renews",
        "may_renew",
        lambda row, beat: row.incarnation == beat.incarnation,
        SWEPT,
    ),
    Fault("a retired incarnation renews", "may_renew", lambda row, beat: not row.swept, TWIN),
    Fault("a retired agent registers again", "is_retired", lambda row, beat: False, TWIN),
    Fault("a stale report changes the state", "report_counts", lambda session, epoch: True, TOLD),
    Fault(
        "the sweeper does not look again under the lock",
        "may_sweep",
        lambda row, incarnation, clock: not row.swept,
        LATE,
    ),
    Fault(
        "the sweeper does not wait after its start", "sweeper_is_awake", lambda control, clock, r: True, AWAY
    ),
    Fault("nobody is ever swept", "may_sweep", lambda row, incarnation, clock: False, LATE),
    Fault("there is no brake", "brake_until", lambda rows, clock, r: None, SILENT),
    Fault(
        "the brake counts ended leases only",
        "is_silent",
        lambda row, clock, r: not row.swept and clock >= row.lease_until,
        SILENT,
    ),
    Fault("the brake never lets go", "brake_until", lambda rows, clock, r: clock + 1, SILENT),
    Fault("an old proof of death still counts", "proof_stands", lambda row, proof: not row.swept, PROOF),
    Fault(
        "a session goes to a worker without a lease", "may_take", lambda row, clock, r: not row.swept, LATE
    ),
    Fault(
        "a hand-over does not wait for the stop",
        "may_leave",
        lambda session, row: row.swept or session.moving,
        MOVED,
    ),
    Fault(
        "a stop is confirmed unseen",
        "stop_is_confirmed",
        lambda session, index, beat: session.moving,
        MOVED,
    ),
    Fault("a hand-over never ends", "may_leave", lambda session, row: row.swept, MOVED),
    Fault("a beat does not wait for the last answer", "may_ask", lambda host: host.asking is None, None),
    Fault("the fight never ends", "restarts_after_replaced", lambda session, clock, r: True, EVICTED),
    Fault(
        "an old assignment is restarted",
        "restarts_after_replaced",
        lambda session, clock, r: session.restarts < r.restarts,
        None,
    ),
    Fault("the spool is trimmed before it is applied", "trimmed", lambda host, applied: (), TOLD),
    Fault("a repeated delivery is applied again", "is_new", lambda session, epoch, position: True, TOLD),
    Fault(
        "a late spool is thrown away",
        "was_owner",
        lambda session, epoch, row: session.worker == row,
        TOLD,
    ),
    Fault("anybody may deliver for any epoch", "was_owner", lambda session, epoch, row: True, None),
    Fault(
        "a cut link is renewed around",
        "direct_renewal_is_open",
        lambda control, row, clock, r: clock - row.beaten <= r.direct_window,
        AWAY,
    ),
    Fault(
        "direct renewal never ends",
        "direct_renewal_is_open",
        lambda control, row, clock, r: clock - control.beat >= r.api_silence,
        AWAY,
    ),
)
