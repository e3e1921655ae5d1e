"""What a dispatcher tells Prometheus. No label names a customer, so their number does not grow."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from control_plane.webhooks.dispatch.results import Outcome, Result

_LATENCIES = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300)


class Figures:
    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._attempts = Counter(
            "waypost_webhook_attempts", "Attempts by outcome", ["outcome"], registry=registry
        )
        self._waited = Histogram(
            "waypost_webhook_first_attempt_seconds",
            "From an event to its first attempt",
            buckets=_LATENCIES,
            registry=registry,
        )
        self._took = Histogram(
            "waypost_webhook_attempt_seconds", "How long attempts take", buckets=_LATENCIES, registry=registry
        )
        self.held = Gauge(
            "waypost_webhook_endpoints_held", "Endpoints that this process delivers to", registry=registry
        )
        self.breakers = Gauge(
            "waypost_webhook_open_breakers", "Hosts that are left alone but for probes", registry=registry
        )
        for outcome in Outcome:
            self._attempts.labels(outcome)

    def attempted(self, result: Result, event_at: datetime, *, first: bool) -> None:
        self._attempts.labels(result.outcome).inc()
        self._took.observe(result.seconds)
        if first:
            self._waited.observe(max((result.at - event_at).total_seconds(), 0))
