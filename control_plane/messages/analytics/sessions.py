"""How sessions do: read, judged and put into words."""

from datetime import UTC, datetime, time, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.http.window import Window
from control_plane.messages.analytics.figures import DayCount, LastFailure, SessionFigures, StatusCount
from control_plane.messages.analytics.schemas import (
    AnalyticsView,
    DayView,
    HealthCounts,
    LastError,
    MetricsView,
    ProbeView,
    ThroughputView,
    age,
)
from control_plane.sessions.analytics import analyse
from control_plane.sessions.health_score import Probed, Traffic, health_score
from control_plane.sessions.models import Session
from control_plane.sessions.uptime import Observed
from shared.ids import public_id
from shared.session_state import Reason, SessionState

MOST_CHANGES = 10_000
_METRICS_OVER = timedelta(days=1)


class SessionAnalytics:
    """Of the tenant whose database session it is given."""

    def __init__(self, db: AsyncSession) -> None:
        self._figures = SessionFigures(db)

    async def of(self, session: Session, window: Window, now: datetime) -> AnalyticsView:
        observed, truncated = await self._observed(session, window)
        told = analyse(observed)
        throughput = await self._throughput(session, window)
        probe = await self._figures.probe(session)
        last_probe = ProbeView.of(probe, now) if probe is not None else None
        return AnalyticsView(
            session_id=public_id("ses", session.id),
            since=window.since,
            until=window.until,
            observed_since=observed.since,
            truncated=truncated,
            time_to_qr=told.time_to_qr,
            time_to_connect=told.time_to_connect,
            uptime=told.uptime,
            reconnects=told.reconnects,
            failures=told.failures,
            moves=told.moves,
            throughput=throughput,
            qr_codes_shown=session.qr_codes,
            health=health_score(
                SessionState(session.status),
                Reason(session.status_reason),
                told,
                _probed(last_probe),
                Traffic(sent=throughput.sent, failed=throughput.failed),
            ),
            last_probe=last_probe,
            last_activity_at=session.last_activity_at,
            last_activity_age_seconds=_age(session.last_activity_at, now),
        )

    async def metrics(self, now: datetime, *, only_sandbox: bool) -> MetricsView:
        """Three statements, however many sessions there are."""
        since = now - _METRICS_OVER
        rows = await self._figures.by_status(only_sandbox=only_sandbox)
        failure = await self._figures.last_failure(since, only_sandbox=only_sandbox)
        sent, received, failed = await self._figures.messages(since, only_sandbox=only_sandbox)
        by_status = dict.fromkeys(SessionState, 0)
        by_status |= {SessionState(row.status): row.sessions for row in rows}
        total = sum(by_status.values())
        return MetricsView(
            total_sessions=total,
            active_connections=by_status[SessionState.CONNECTED],
            by_status=by_status,
            failed_reconnects=failure.failed_reconnects if failure is not None else 0,
            messages_sent=sent,
            messages_received=received,
            messages_failed=failed,
            qr_codes_generated=sum(row.codes for row in rows),
            errors=failure.errors if failure is not None else 0,
            last_error=_last_error(failure) if failure is not None else None,
            health=_health(rows, total),
            since=since,
            timestamp=now,
        )

    async def _observed(self, session: Session, window: Window) -> tuple[Observed, bool]:
        """Since the session is there; or since the oldest change that is looked at, where there are more."""
        since = min(max(window.since, session.created_at), window.until)
        changes = await self._figures.changes(session.id, since, window.until, MOST_CHANGES + 1)
        if len(changes) > MOST_CHANGES:
            return Observed(changes[1].at, window.until, changes[1:], changes[0]), True
        opening = await self._figures.last_change_before(session.id, since)
        return Observed(since, window.until, changes, opening), False

    async def _throughput(self, session: Session, window: Window) -> ThroughputView:
        many = await self._figures.many_messages_since(session.id, window.since, window.until)
        counted_since = many or window.since
        counts = await self._figures.messages_by_day(session.id, counted_since, window.until)
        return ThroughputView(
            sent=sum(count.sent for count in counts),
            received=sum(count.received for count in counts),
            failed=sum(count.failed for count in counts),
            counted_since=counted_since,
            truncated=many is not None,
            days=_each_day(counts, Window(counted_since, window.until)),
        )


def _each_day(counts: list[DayCount], window: Window) -> list[DayView]:
    """Those without a message as well, so that a picture of them needs no thought."""
    by_day = {count.day: count for count in counts}
    day, end = window.since.date(), window.until
    days: list[DayView] = []
    while datetime.combine(day, time(), UTC) < end:
        count = by_day.get(day, DayCount(day, 0, 0, 0))
        days.append(DayView(date=day, sent=count.sent, received=count.received, failed=count.failed))
        day += timedelta(days=1)
    return days


def _probed(probe: ProbeView | None) -> Probed | None:
    if probe is None:
        return None
    return Probed(
        age_seconds=probe.age_seconds,
        answered=probe.answered,
        probes=probe.probes,
        unanswered=probe.unanswered,
    )


def _health(rows: list[StatusCount], total: int) -> HealthCounts:
    healthy, unhealthy = sum(row.healthy for row in rows), sum(row.unhealthy for row in rows)
    return HealthCounts(
        healthy=healthy,
        unhealthy=unhealthy,
        unknown=total - healthy - unhealthy,
        checked_at=max((row.probed_at for row in rows if row.probed_at is not None), default=None),
    )


def _last_error(failure: LastFailure) -> LastError:
    return LastError(
        session_id=public_id("ses", failure.session_id),
        status=SessionState(failure.status),
        reason=Reason(failure.reason),
        detail=failure.detail,
        at=failure.at,
    )


def _age(moment: datetime | None, now: datetime) -> float | None:
    return age(moment, now) if moment is not None else None
