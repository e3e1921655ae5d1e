"""Times one piece of work again and again inside this process."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.bench.tables import Figures, percentile

_MICROSECONDS = 1e6

Found = TypeVar("Found")


def sample(work: Callable[[], object], seconds: float) -> list[float]:
    """Microseconds of each call."""
    taken, now = [], time.perf_counter
    end = now() + seconds
    while (began := now()) < end:
        work()
        taken.append((now() - began) * _MICROSECONDS)
    return taken


async def sample_async(
    work: Callable[[], Awaitable[object]], seconds: float, at_once: int = 1
) -> list[float]:
    """The same for several callers, each of which waits for its own answer before it calls again."""
    taken: list[float] = []
    now = time.perf_counter
    end = now() + seconds

    async def call() -> None:
        while (began := now()) < end:
            await work()
            taken.append((now() - began) * _MICROSECONDS)

    await asyncio.gather(*(call() for _ in range(at_once)))
    return taken


def timed(work: Callable[[], Awaitable[Found]]) -> Callable[[], Awaitable[tuple[float, Found]]]:
    """One call that also tells how many seconds it took."""

    async def call() -> tuple[float, Found]:
        began = time.perf_counter()
        found = await work()
        return time.perf_counter() - began, found

    return call


def summary(taken: list[float]) -> dict[str, float | None]:
    ordered = sorted(taken)
    return {"p50_us": percentile(ordered, 0.5), "p99_us": percentile(ordered, 0.99)}


def ratio(figure: Figures, base: Figures, key: str) -> float | None:
    above, below = figure.get(key), base.get(key)
    return above / below if above is not None and below else None
