"""The figures of the whole fleet, read from the database when somebody scrapes, and kept for a moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.engine import Database, SystemSite

log = structlog.get_logger(__name__)

_PATIENCE = 2.0
_KEPT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReading:
    enabled: int = 0
    disabled: int = 0
    delivered: int = 0
    failed: int = 0
    pending: int = 0
    oldest_pending_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReading:
    workers: Mapping[str, int]
    sessions: Mapping[str, int]
    # By the last probe of each connected session.
    probed: Mapping[str, int]
    capacity: int
    used: int
    least: float
    most: float
    spooled: int
    repairs: Mapping[str, int]
    webhooks: WebhookReading = WebhookReading()


class FleetFigures(Collector):
    """The same on every replica: take one of them, or the largest. Without the database there are none."""

    def __init__(self, database: Database, read: Callable[[AsyncSession], Awaitable[FleetReading]]) -> None:
        self._database = database
        self._read = read
        self._reading: FleetReading | None = None
        self._looked_at: float | None = None
        self._alone = asyncio.Lock()
        self.kept_seconds = _KEPT_SECONDS

    async def refresh(self) -> None:
        """At most once in a while, however many scrape; a database that is away is not asked more often."""
        async with self._alone:
            now = time.monotonic()
            if self._looked_at is not None and now - self._looked_at < self.kept_seconds:
                return
            try:
                async with asyncio.timeout(_PATIENCE), self._database.system(SystemSite.HEALTH) as db:
                    self._reading = await self._read(db)
            except Exception as error:
                self._reading = None
                log.warning("fleet_not_read", error=type(error).__name__)
            self._looked_at = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        reading = self._reading
        yield GaugeMetricFamily(
            "waypost_fleet_readable",
            "1 when the database answered with the figures of the fleet; without them it is 0",
            float(reading is not None),
        )
        if reading is None:
            return
        yield _labelled("waypost_workers", "Workers by state", "state", reading.workers)
        yield _labelled("waypost_sessions", "Sessions by status", "status", reading.sessions)
        yield _labelled(
            "waypost_sessions_probed",
            "Connected sessions by what their last probe found",
            "outcome",
            reading.probed,
        )
        for name, text, value in _GAUGES:
            yield GaugeMetricFamily(name, text, value(reading))
        repairs = CounterMetricFamily(
            "waypost_fleet_repairs", "Mismatches that were put right, by kind", labels=["kind"]
        )
        for kind, count in reading.repairs.items():
            repairs.add_metric([kind], count)
        yield repairs


_GAUGES: tuple[tuple[str, str, Callable[[FleetReading], float]], ...] = (
    (
        "waypost_fleet_capacity_sessions",
        "Sessions that workers which take some may run",
        lambda reading: reading.capacity,
    ),
    (
        "waypost_fleet_used_sessions",
        "Sessions that are assigned to workers that live",
        lambda reading: reading.used,
    ),
    (
        "waypost_fleet_least_used_ratio",
        "Share of its capacity that the least loaded worker runs",
        lambda reading: reading.least,
    ),
    (
        "waypost_fleet_most_used_ratio",
        "Share of its capacity that the most loaded worker runs",
        lambda reading: reading.most,
    ),
    (
        "waypost_fleet_spread_ratio",
        "Difference between the most and the least loaded worker",
        lambda reading: reading.most - reading.least,
    ),
    (
        "waypost_fleet_spooled_events",
        "Events that workers had not shipped yet when they last beat",
        lambda reading: reading.spooled,
    ),
    (
        "waypost_webhooks_enabled",
        "Webhooks that are delivered to",
        lambda reading: reading.webhooks.enabled,
    ),
    (
        "waypost_webhooks_disabled",
        "Webhooks that are disabled, by their owners or after failures",
        lambda reading: reading.webhooks.disabled,
    ),
    (
        "waypost_webhooks_delivered",
        "Deliveries that the webhooks of now have taken",
        lambda reading: reading.webhooks.delivered,
    ),
    (
        "waypost_webhooks_failed",
        "Deliveries that were given up",
        lambda reading: reading.webhooks.failed,
    ),
    (
        "waypost_webhooks_pending",
        "Deliveries that wait after a failure, their own or an earlier one's",
        lambda reading: reading.webhooks.pending,
    ),
    (
        "waypost_webhooks_oldest_pending_seconds",
        "How long the oldest of them has waited",
        lambda reading: reading.webhooks.oldest_pending_seconds,
    ),
)


def _labelled(name: str, text: str, label: str, counts: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
