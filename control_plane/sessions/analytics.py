"""What the timeline of a session tells about how it does: pure, from the changes of a window."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from control_plane.sessions.uptime import ENDS, Change, Observed, Uptime, uptime
from shared.session_state import Reason, SessionState

_S = SessionState
_RUNNING = frozenset({_S.RECONNECTING, _S.RECOVERING})


class Times(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Null where nothing was measured."""

    count: int
    last_seconds: float | None
    median_seconds: float | None
    p95_seconds: float | None
    last_at: datetime | None


class Reconnects(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    count: int
    by_reason: dict[Reason, int]


class Failure(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    status: SessionState
    reason: Reason
    detail: str
    at: datetime


class Failures(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Ends that nobody asked for."""

    count: int
    by_reason: dict[Reason, int]
    last: Failure | None


class Moves(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """`count`: changes of worker. Recoveries may end on the same one."""

    count: int
    recoveries: int
    by_reason: dict[Reason, int]


class Analytics(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    time_to_qr: Times
    time_to_connect: Times
    uptime: Uptime
    reconnects: Reconnects
    failures: Failures
    moves: Moves


def analyse(observed: Observed) -> Analytics:
    reconnects = _reasons(_entering(_S.RECONNECTING, observed.changes))
    recoveries = _reasons(_entering(_S.RECOVERING, observed.changes))
    return Analytics(
        time_to_qr=_times(_to_qr(observed)),
        time_to_connect=_times(_to_connect(observed)),
        uptime=uptime(observed),
        reconnects=Reconnects(count=sum(reconnects.values()), by_reason=reconnects),
        failures=_failures(observed.changes),
        moves=Moves(
            count=_worker_changes(observed), recoveries=sum(recoveries.values()), by_reason=recoveries
        ),
    )


def _entering(state: SessionState, changes: Iterable[Change]) -> Iterator[Change]:
    return (change for change in changes if change.after is state and change.enters)


def _reasons(changes: Iterable[Change]) -> dict[Reason, int]:
    return dict(Counter(change.reason for change in changes))


def _failures(changes: Iterable[Change]) -> Failures:
    failed = [change for change in changes if change.fails]
    return Failures(
        count=len(failed),
        by_reason=_reasons(failed),
        last=_failure(failed[-1]) if failed else None,
    )


def _failure(change: Change) -> Failure:
    return Failure(status=change.after, reason=change.reason, detail=change.detail, at=change.at)


def _worker_changes(observed: Observed) -> int:
    before = observed.opening.worker_id if observed.opening is not None else None
    count = 0
    for change in observed.changes:
        if change.worker_id is not None:
            count += before is not None and change.worker_id != before
            before = change.worker_id
    return count


Sample = tuple[datetime, float]


def _to_qr(observed: Observed) -> Iterator[Sample]:
    """From each start to the first code; a client that was just paired shows none."""
    began: datetime | None = None
    for change in _with_opening(observed):
        if change.after is _S.INITIALIZING:
            if change.enters:
                began = change.at if change.reason is not Reason.PAIRED else None
        else:
            if change.after is _S.QR_PENDING and began is not None and change is not observed.opening:
                yield _sample(began, change)
            began = None


def _to_connect(observed: Observed) -> Iterator[Sample]:
    """From each start or scan; how long somebody looked for the phone in between is none of it."""
    began: datetime | None = None
    for change in _with_opening(observed):
        if _starts(change):
            began = change.at
        elif change.after is _S.CONNECTED:
            if began is not None and change is not observed.opening:
                yield _sample(began, change)
            began = None
        elif change.after is _S.QR_PENDING or change.after in ENDS:
            began = None


def _starts(change: Change) -> bool:
    if change.after is _S.RECOVERING:
        return change.reason is Reason.RESTART_REQUESTED
    return change.after is _S.INITIALIZING and change.enters and change.before not in _RUNNING


def _with_opening(observed: Observed) -> Iterator[Change]:
    """What began before the window counts where it ended."""
    if observed.opening is not None:
        yield observed.opening
    yield from observed.changes


def _sample(began: datetime, ended: Change) -> Sample:
    return ended.at, max(0.0, (ended.at - began).total_seconds())


def _times(samples: Iterable[Sample]) -> Times:
    found = list(samples)
    if not found:
        return Times(count=0, last_seconds=None, median_seconds=None, p95_seconds=None, last_at=None)
    last_at, last = found[-1]
    seconds = sorted(each for _, each in found)
    return Times(
        count=len(found),
        last_seconds=last,
        median_seconds=statistics.median(seconds),
        p95_seconds=seconds[math.ceil(len(seconds) * 0.95) - 1],
        last_at=last_at,
    )
