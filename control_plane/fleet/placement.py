"""Which worker a session goes to: a pure function, with every weight in one place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """`cpu` and `memory` in per cent; `healthy` is the share of its sessions that are well."""

    worker_id: str
    capacity: int
    assigned: int
    cpu: float = 0.0
    memory: float = 0.0
    healthy: float = 1.0
    # Restarts and failures of the last time: what has fallen is likely to fall again.
    failures: int = 0
    # Of the labels that the session would rather have, the share that the worker has.
    labels: float = 1.0
    weight: float = 1.0
    accepts: bool = True
    why_not: str = ""


class Score(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    worker_id: str
    score: float
    eligible: bool
    why_not: str = ""
    parts: dict[str, float] = {}


# Together 1. Free capacity leads, so that equal workers fill evenly.
WEIGHTS = {"free": 0.40, "labels": 0.20, "cpu": 0.12, "memory": 0.12, "healthy": 0.08, "stable": 0.08}
# Load is measured now and moves slowly: differences within a step are noise, and must not gather sessions.
_STEP = 10.0


def score(candidate: Candidate) -> Score:
    why_not = candidate.why_not if not candidate.accepts else ""
    if candidate.accepts and candidate.assigned >= candidate.capacity:
        why_not = f"is full ({candidate.assigned} of {candidate.capacity})"
    parts = {
        "free": 1 - candidate.assigned / candidate.capacity if candidate.capacity > 0 else 0.0,
        "labels": candidate.labels,
        "cpu": 1 - _stepped(candidate.cpu),
        "memory": 1 - _stepped(candidate.memory),
        "healthy": candidate.healthy,
        "stable": 1 / (1 + candidate.failures),
    }
    total = candidate.weight * sum(WEIGHTS[name] * max(0.0, part) for name, part in parts.items())
    return Score(
        worker_id=candidate.worker_id,
        score=round(total, 6),
        eligible=not why_not,
        why_not=why_not,
        parts={name: round(part, 4) for name, part in parts.items()},
    )


def labels_met(wanted: Mapping[str, str], given: Mapping[str, str]) -> float:
    """Which share of the wanted ones is given; all, when none is wanted."""
    if not wanted:
        return 1.0
    return sum(given.get(name) == value for name, value in wanted.items()) / len(wanted)


def ranked(candidates: Iterable[Candidate]) -> list[Score]:
    """The best first. Among equals the one with the fewest sessions, then by name: round and round."""
    by_id = {candidate.worker_id: candidate for candidate in candidates}
    scores = [score(candidate) for candidate in by_id.values()]
    return sorted(
        scores,
        key=lambda each: (not each.eligible, -each.score, by_id[each.worker_id].assigned, each.worker_id),
    )


def _stepped(percent: float) -> float:
    return min(100.0, max(0.0, percent)) // _STEP * _STEP / 100
