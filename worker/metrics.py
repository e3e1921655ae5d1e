"""This worker in figures, for Prometheus."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from worker.agent import Agent

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class WorkerFigures(Collector):
    """Read from the parts at each scrape; nothing is counted twice."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def collect(self) -> Iterable[Metric]:
        agent = self._agent
        sessions = GaugeMetricFamily(
            "waypost_worker_sessions", "Sessions of this worker by their state", labels=["state"]
        )
        for state, count in agent.board.by_state():
            sessions.add_metric([state.value], count)
        yield sessions
        beats = CounterMetricFamily(
            "waypost_worker_heartbeats", "Heartbeats by what became of them", labels=["outcome"]
        )
        for outcome, count in agent.beats.items():
            beats.add_metric([outcome], count)
        yield beats
        yield GaugeMetricFamily(
            "waypost_worker_lease_seconds", "Until the clients end for want of a lease", agent.lease.remaining
        )
        yield GaugeMetricFamily(
            "waypost_worker_spooled_events", "Events that wait to be shipped", agent.node.spool.waiting()
        )
        yield CounterMetricFamily(
            "waypost_worker_shipped_events", "Events that have arrived", agent.uplink.events_shipped
        )
        yield GaugeMetricFamily(
            "waypost_worker_engines", "Engine processes", len(agent.node.engines.pool.processes())
        )


def metrics_of(agent: Agent) -> bytes:
    registry = CollectorRegistry()
    registry.register(WorkerFigures(agent))
    return generate_latest(registry)
