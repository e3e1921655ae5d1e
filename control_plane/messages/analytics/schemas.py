"""What is told of how sessions do."""

from datetime import date, datetime

from control_plane.accounts.schemas import Answer
from control_plane.sessions.analytics import Failures, Moves, Reconnects, Times
from control_plane.sessions.health_score import HealthScore
from control_plane.sessions.models import SessionProbe
from control_plane.sessions.uptime import Uptime
from shared.session_state import Reason, SessionState


class DayView(Answer):
    date: date
    sent: int
    received: int
    failed: int


class ThroughputView(Answer):
    """`truncated`: there were too many to count; what is told begins at `countedSince`."""

    sent: int
    received: int
    failed: int
    counted_since: datetime
    truncated: bool
    days: list[DayView]


class ProbeView(Answer):
    probed_at: datetime
    age_seconds: float
    answered: bool
    milliseconds: float
    probes: int
    unanswered: int

    @classmethod
    def of(cls, probe: SessionProbe, now: datetime) -> "ProbeView":
        return cls(
            probed_at=probe.probed_at,
            age_seconds=age(probe.probed_at, now),
            answered=probe.answered,
            milliseconds=probe.milliseconds,
            probes=probe.probes,
            unanswered=probe.unanswered,
        )


class AnalyticsView(Answer):
    """`observedSince` is later than `since` where the session is younger, or `truncated` is true."""

    session_id: str
    since: datetime
    until: datetime
    observed_since: datetime
    truncated: bool
    time_to_qr: Times
    time_to_connect: Times
    uptime: Uptime
    reconnects: Reconnects
    failures: Failures
    moves: Moves
    throughput: ThroughputView
    qr_codes_shown: int
    health: HealthScore
    last_probe: ProbeView | None
    last_activity_at: datetime | None
    last_activity_age_seconds: float | None


class LastError(Answer):
    session_id: str
    status: SessionState
    reason: Reason
    detail: str
    at: datetime


class HealthCounts(Answer):
    """`checkedAt`: when the last of them was probed."""

    healthy: int
    unhealthy: int
    unknown: int
    checked_at: datetime | None


class MetricsView(Answer):
    """Messages, errors and failed reconnects are those from `since` on; the rest is as it is now."""

    total_sessions: int
    active_connections: int
    by_status: dict[SessionState, int]
    failed_reconnects: int
    messages_sent: int
    messages_received: int
    messages_failed: int
    qr_codes_generated: int
    errors: int
    last_error: LastError | None
    health: HealthCounts
    since: datetime
    timestamp: datetime


def age(moment: datetime, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds())
