"""One run of the machine: how many examples, and what is found."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fleet_machine.book import Broken
from tests.fleet_machine.fleet import EVERYTHING, Part, made_of
from tests.fleet_machine.world import World

STEPS = 50


@dataclass(frozen=True, slots=True)
class Found:
    """After so many steps of so many examples."""

    broken: Broken
    steps: int
    examples: int


def run(
    world: World,
    examples: int,
    parts: Sequence[Part] = EVERYTHING,
    *,
    shrinks: bool = True,
    other_each_time: bool = False,
) -> None:
    """Raises what it finds, as small as it gets."""
    kind: Any = made_of(parts)
    wanted = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        derandomize=not other_each_time,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if shrinks else [Phase.generate],
        report_multiple_bugs=False,
        verbosity=Verbosity.normal if shrinks else Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    world.steps = world.examples = 0
    run_state_machine_as_test(partial(kind, world), settings=wanted)  # type: ignore[arg-type]


def hunt(world: World, examples: int, parts: Sequence[Part] = EVERYTHING) -> Found | None:
    """The first break, as it was met."""
    try:
        run(world, examples, parts, shrinks=False)
    except Broken as broken:
        return Found(broken, world.steps, world.examples)
    return None
