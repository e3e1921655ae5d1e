"""The figures of this process and, from the database, of the periodic work of the whole fleet."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from control_plane.db.periodic import PeriodicJob


def new_registry() -> CollectorRegistry:
    """One for each application and not the library's global one, so that two can live in one process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class PeriodicWorkCollector(Collector):
    """Rows that were read a moment before the scrape; they are the same on every replica."""

    def __init__(self) -> None:
        self.rows: Sequence[PeriodicJob] = ()

    def collect(self) -> Iterable[Metric]:
        runs = CounterMetricFamily("waypost_periodic_runs", "Finished runs of a job", labels=["job"])
        failures = CounterMetricFamily("waypost_periodic_failures", "Failed runs of a job", labels=["job"])
        last = GaugeMetricFamily(
            "waypost_periodic_last_run_timestamp_seconds", "When a job last finished", labels=["job"]
        )
        duration = GaugeMetricFamily(
            "waypost_periodic_last_duration_seconds", "How long its last run took", labels=["job"]
        )
        for row in self.rows:
            runs.add_metric([row.name], row.runs)
            failures.add_metric([row.name], row.failures)
            if row.last_finished_at is not None:
                last.add_metric([row.name], row.last_finished_at.timestamp())
                duration.add_metric([row.name], row.last_duration_seconds or 0)
        return [runs, failures, last, duration]
