"""What workers ask of this process, counted by what became of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Counter

from control_plane.errors import AppError

_OUTCOMES = ("accepted", "refused", "failed")
# More than any worker asks between two beats; what it says of itself must not spoil the figures.
_MOST_PROBES = 1_000_000


class FleetCounters:
    """A call without any worker's token is refused before, and stands among the answers by status."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registrations = Counter(
            "waypost_fleet_registrations",
            "Registrations of workers, by what became of them",
            ["outcome"],
            registry=registry,
        )
        self._heartbeats = Counter(
            "waypost_fleet_heartbeats",
            "Heartbeats of workers, by what became of them",
            ["outcome"],
            registry=registry,
        )
        self._probes = Counter(
            "waypost_session_probes",
            "Questions of clients to the network, whether it still hears them",
            ["outcome"],
            registry=registry,
        )
        for outcome in _OUTCOMES:
            self._registrations.labels(outcome)
            self._heartbeats.labels(outcome)
        for outcome in ("answered", "unanswered"):
            self._probes.labels(outcome)

    @asynccontextmanager
    async def registration(self) -> AsyncIterator[None]:
        async with _counted(self._registrations):
            yield

    @asynccontextmanager
    async def heartbeat(self) -> AsyncIterator[None]:
        async with _counted(self._heartbeats):
            yield

    def probed(self, probes: int, unanswered: int) -> None:
        unanswered = min(max(0, unanswered), _MOST_PROBES)
        answered = min(max(0, probes - unanswered), _MOST_PROBES)
        self._probes.labels("answered").inc(answered)
        self._probes.labels("unanswered").inc(unanswered)


@asynccontextmanager
async def _counted(counter: Counter) -> AsyncIterator[None]:
    try:
        yield
    except AppError as error:
        counter.labels("refused" if error.code.status < 500 else "failed").inc()
        raise
    except Exception:
        counter.labels("failed").inc()
        raise
    counter.labels("accepted").inc()
