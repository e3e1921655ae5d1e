"""After some failures in a row a host is left alone, but for one probe at a time."""

import uuid
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

Host = tuple[uuid.UUID, str]

FAILURES = 5
_FIRST, _LONGEST = timedelta(seconds=2), timedelta(seconds=60)


@dataclass(slots=True)
class _State:
    failures: int = 0
    pause: timedelta = timedelta(0)
    probe_at: datetime | None = None
    prober: Hashable = None


class Breakers:
    """Hosts without failures are not remembered."""

    def __init__(self) -> None:
        self._states: dict[Host, _State] = {}

    @property
    def open(self) -> int:
        return sum(state.probe_at is not None for state in self._states.values())

    def is_open(self, host: Host) -> bool:
        state = self._states.get(host)
        return state is not None and state.probe_at is not None

    def may_probe(self, host: Host, now: datetime) -> bool:
        state = self._states.get(host)
        return (
            state is not None
            and state.prober is None
            and state.probe_at is not None
            and now >= state.probe_at
        )

    def probing(self, host: Host, prober: Hashable) -> None:
        self._states[host].prober = prober

    def probe_at(self, host: Host) -> datetime | None:
        state = self._states.get(host)
        return None if state is None else state.probe_at

    def succeeded(self, host: Host) -> bool:
        """Whether this closed it, so that others may go on."""
        state = self._states.pop(host, None)
        return state is not None and state.probe_at is not None

    def failed(self, host: Host, prober: Hashable, now: datetime) -> None:
        state = self._states.setdefault(host, _State())
        state.failures += 1
        if state.probe_at is not None and state.prober is not prober:
            return  # it was under way when the others failed, and says nothing new
        if state.failures >= FAILURES:
            state.pause = min(max(state.pause * 2, _FIRST), _LONGEST)
            state.probe_at, state.prober = now + state.pause, None

    def gave_up(self, host: Host, prober: Hashable) -> None:
        """A probe that ended without an answer of any kind, because its process stops."""
        state = self._states.get(host)
        if state is not None and state.prober is prober:
            state.prober = None
