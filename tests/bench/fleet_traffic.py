"""Messages through the whole fleet: out by the REST API, in to the stream of events."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence

from tests.bench.fleet_network import Phones
from tests.bench.fleet_owner import Owner
from tests.bench.fleet_people import Ears, Pair, get_acquainted, hear, listening, send
from tests.bench.plan import Plan
from tests.bench.process_figures import shares
from tests.bench.stopwatch import ratio
from tests.bench.tables import Figures, percentile

_TEXT = "The parcel is on its way and arrives tomorrow between nine and eleven."

Work = Callable[[Pair, int], Awaitable[object]]
Used = Callable[[], dict[str, float]]


class Traffic:
    """Each session does one thing after the other; several sessions do so at once."""

    def __init__(self, owner: Owner, network: Phones, plan: Plan, at_once: Sequence[int], used: Used) -> None:
        self._owner = owner
        self._network = network
        self._plan = plan
        self._at_once = at_once
        self._used = used

    async def run(self, names: list[str]) -> dict[str, Figures]:
        found: dict[str, Figures] = {}
        async with listening(self._owner) as ears:
            pairs = await get_acquainted(self._owner, self._network, ears, names[: max(self._at_once)])
            for count in self._at_once:
                works = self._works(ears)
                figures = {name: await self._measure(pairs[:count], work) for name, work in works.items()}
                read, *_ = figures.values()
                for name, own in figures.items():
                    beside = {**own, "of_read": ratio(own, read, "per_second")}
                    found[f"{name}, {'1 session' if count == 1 else f'{count} sessions'}"] = beside
        return found

    def _works(self, ears: Ears) -> dict[str, Work]:
        run = time.monotonic_ns()

        async def read(pair: Pair, _: int) -> None:
            await self._owner.call("GET", f"/v1/sessions/{pair.session}", 200)

        async def write(pair: Pair, _: int) -> None:
            await send(self._owner, pair, _TEXT)

        async def listen(pair: Pair, number: int) -> None:
            await hear(self._network, ears, pair, f"{pair.session} {run} {number}")

        return {"GET of a session": read, "send a text": write, "a text comes in": listen}

    async def _measure(self, pairs: Sequence[Pair], work: Work) -> Figures:
        await self._go_on(pairs, work, self._plan.warm_up_seconds, itertools.count())
        before, began = self._used(), time.perf_counter()
        taken = await self._go_on(pairs, work, self._plan.seconds * 2, itertools.count(1_000_000))
        lasted, after, ordered = time.perf_counter() - began, self._used(), sorted(taken)
        return {
            "per_second": len(ordered) / lasted,
            "p50_ms": percentile(ordered, 0.5) * 1000,
            "p99_ms": percentile(ordered, 0.99) * 1000,
            **shares(before, after, lasted),
        }

    async def _go_on(
        self, pairs: Sequence[Pair], work: Work, seconds: float, numbers: "itertools.count[int]"
    ) -> list[float]:
        taken: list[float] = []
        now = time.perf_counter
        end = now() + seconds

        async def one(pair: Pair) -> None:
            while (began := now()) < end:
                await work(pair, next(numbers))
                taken.append(now() - began)

        await asyncio.gather(*(one(pair) for pair in pairs))
        return taken
