"""From the timeline of a session: how long it was in which state, and when it was out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from shared.session_state import Reason, SessionState

# Ends that the owner asked for, or that come before the first start.
BY_REQUEST = frozenset({Reason.CREATED, Reason.REQUESTED, Reason.LOGGED_OUT_BY_USER})
ENDS = frozenset({SessionState.DISCONNECTED, SessionState.AUTH_FAILED, SessionState.LOGGED_OUT})
_OUT = ENDS | {SessionState.RECONNECTING, SessionState.RECOVERING}
# Neither begin an outage nor end one: the owner is at it, or did not come to scan.
_NEITHER = frozenset({Reason.RESTART_REQUESTED, Reason.QR_EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of the timeline."""

    at: datetime
    before: SessionState
    after: SessionState
    reason: Reason
    detail: str = ""
    worker_id: str | None = None

    @property
    def enters(self) -> bool:
        """False where only the reason is another one."""
        return self.before is not self.after

    @property
    def fails(self) -> bool:
        """Its end, and nobody asked for it."""
        return self.enters and self.after in ENDS and self.reason not in BY_REQUEST


@dataclass(frozen=True, slots=True)
class Observed:
    """The changes of a window, the oldest first, and the last one before it, if there was any."""

    since: datetime
    until: datetime
    changes: Sequence[Change]
    opening: Change | None = None


class Outage(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """`until` is null while it goes on; one that began before the window is counted from its start."""

    seconds: float
    status: SessionState
    reason: Reason
    detail: str
    since: datetime
    until: datetime | None


class Uptime(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """`share` is null where there was no time to look at; seconds by status add up to those observed."""

    share: float | None
    seconds_observed: float
    seconds_connected: float
    seconds_by_status: dict[SessionState, float]
    outages: int
    outage_seconds: float
    longest_outage: Outage | None


@dataclass(frozen=True, slots=True)
class _Stretch:
    state: SessionState
    cause: Change | None
    since: datetime
    until: datetime


def uptime(observed: Observed) -> Uptime:
    spent = dict.fromkeys(SessionState, timedelta())
    stretches = list(_stretches(observed))
    for stretch in stretches:
        spent[stretch.state] += stretch.until - stretch.since
    whole = sum(spent.values(), timedelta())
    outages = list(_outages(stretches))
    return Uptime(
        share=round(spent[SessionState.CONNECTED] / whole, 6) if whole else None,
        seconds_observed=whole.total_seconds(),
        seconds_connected=spent[SessionState.CONNECTED].total_seconds(),
        seconds_by_status={state: time.total_seconds() for state, time in spent.items()},
        outages=len(outages),
        outage_seconds=sum((outage.seconds for outage in outages), 0.0),
        longest_outage=max(outages, key=lambda outage: outage.seconds, default=None),
    )


def _stretches(observed: Observed) -> Iterator[_Stretch]:
    """From one end of the window to the other without a gap, whatever the clocks of replicas said."""
    state, cause, since = _at_start(observed), observed.opening, observed.since
    for change in observed.changes:
        at = min(max(change.at, since), observed.until)
        yield _Stretch(state, cause, since, at)
        state, cause, since = change.after, change, at
    yield _Stretch(state, cause, since, max(since, observed.until))


def _at_start(observed: Observed) -> SessionState:
    if observed.opening is not None:
        return observed.opening.after
    return observed.changes[0].before if observed.changes else SessionState.DISCONNECTED


def _outages(stretches: Sequence[_Stretch]) -> Iterator[Outage]:
    """From what broke it to the next connection, or to the owner's wish to stop it."""
    cause: Change | None = None
    since = stretches[0].since
    for stretch in stretches:
        if cause is not None and _is_over(stretch):
            yield _outage(cause, since, stretch.since, over=True)
            cause = None
        elif cause is None and stretch.cause is not None and _breaks(stretch.cause):
            cause, since = stretch.cause, stretch.since
    if cause is not None:
        yield _outage(cause, since, stretches[-1].until, over=False)


def _breaks(change: Change) -> bool:
    return change.after in _OUT and change.reason not in BY_REQUEST | _NEITHER


def _is_over(stretch: _Stretch) -> bool:
    if stretch.state is SessionState.CONNECTED:
        return True
    return stretch.state in ENDS and stretch.cause is not None and stretch.cause.reason in BY_REQUEST


def _outage(cause: Change, since: datetime, until: datetime, *, over: bool) -> Outage:
    return Outage(
        seconds=(until - since).total_seconds(),
        status=cause.after,
        reason=cause.reason,
        detail=cause.detail,
        since=since,
        until=until if over else None,
    )
