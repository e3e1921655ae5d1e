"""Whether load is so uneven that a session should move, and from where to where: a pure function."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# A move costs its session about a second: so far from the mean, a worker's share may stay.
TOLERATED = 0.2
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`room` is how many sessions it may have, `weight` how much of the load it should get for each."""

    worker_id: str
    room: int
    assigned: int
    weight: float = 1.0

    @property
    def strength(self) -> float:
        return self.room * self.weight

    def share(self, more: int = 0) -> float:
        """Of its strength, with so many sessions more."""
        return (self.assigned + more) / self.strength if self.strength > 0 else float("inf")


def worthwhile_moves(loads: Sequence[Load]) -> Iterator[tuple[str, str]]:
    """From the fullest to the emptiest first.

    After a move its source is still at least as full as its target: so no move is ever taken back, and
    with a fleet that stays as it is there is an end to them.
    """
    strength = sum(load.strength for load in loads)
    if strength <= 0:
        return
    mean = sum(load.assigned for load in loads) / strength
    most, least = mean * (1 + TOLERATED) + _ROUNDING, mean * (1 - TOLERATED) - _ROUNDING
    fullest = sorted(loads, key=lambda load: (-load.share(), load.worker_id))
    for source in fullest:
        for target in reversed(fullest):
            far = source.share() > most or target.share() < least
            takes = target.strength > 0 and target.assigned < target.room
            if source.assigned and far and takes and source.share(-1) >= target.share(+1):
                yield source.worker_id, target.worker_id
