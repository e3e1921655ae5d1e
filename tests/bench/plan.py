"""How long and how often each figure is taken."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared takes turns within a round, so that a noisy minute touches all of it alike."""

    rounds: int = 3
    seconds: float = 2.5
    warm_up_seconds: float = 0.3

    @property
    def short_seconds(self) -> float:
        """For work inside this process, which needs no connections and gives many samples soon."""
        return self.seconds / 5


QUICK = Plan(rounds=1, seconds=0.8, warm_up_seconds=0.2)
