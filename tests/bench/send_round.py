"""One round of all that is compared, one right after the other, so that a noisy minute touches all of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.fleet_owner import Owner
from tests.bench.fleet_people import Pair
from tests.bench.plan import Plan
from tests.bench.send_engine import LoneEngine
from tests.bench.send_overhead import overhead, spread
from tests.bench.send_queue import Queues
from tests.bench.send_way import Way
from tests.bench.stopwatch import ratio
from tests.bench.tables import Figures

# Callers of each session.
_CALLERS = (1, 4)
# Messages a second over all sessions: one that leaves room even here, and the one that we aim at.
_PACES = (10.0, 50.0)
_ACCEPTED_AT_ONCE = 32
# More than a server takes at once would wait in the kernel, for seconds that double.
CONNECTIONS = 100


@dataclass(frozen=True, slots=True)
class Round:
    rates: Mapping[str, Figures]
    paces: Mapping[str, Figures]
    accepts: Mapping[str, Figures]


@dataclass(frozen=True, slots=True)
class Parts:
    owner: Owner
    pairs: Sequence[Pair]
    way: Way
    engine: LoneEngine
    times: Path

    async def round(self, plan: Plan, database_url: str) -> Round:
        rates = {**await self._rates(1, plan), **await self._rates(len(self.pairs), plan)}
        queues, accepts = Queues(self.owner, self.pairs, database_url), {}
        paces: dict[str, Figures] = {}
        for pace in _PACES:
            paces |= await self._paces(pace, plan.seconds * 4)
            await queues.empty()
        await queues.pause()
        accepts["every queue is paused"] = await self.way.accept(self.pairs, _ACCEPTED_AT_ONCE, plan)
        await queues.empty()
        accepts["the queues run"] = await self.way.accept(self.pairs, _ACCEPTED_AT_ONCE, plan)
        await queues.empty()
        return Round(rates, paces, accepts)

    async def _rates(self, count: int, plan: Plan) -> dict[str, Figures]:
        sessions = "1 session" if count == 1 else f"{count} sessions"
        alone = await self.engine.load(count, plan)
        found = {f"engine by itself, {sessions}": alone}
        for callers in _CALLERS:
            figures = await self.way.send(self.pairs[:count], callers, plan)
            beside = {**figures, "of_engine": (ratio(figures, alone, "per_second") or 0) * 100}
            each = "1 caller" if callers == 1 else f"{callers} callers"
            found[f"whole way, {sessions}, {each}{' each' if count > 1 else ''}"] = beside
        return found

    async def _paces(self, pace: float, seconds: float) -> dict[str, Figures]:
        alone = await self.engine.at_pace(len(self.pairs), pace, seconds)
        nothing = dict.fromkeys(("rest_p50_ms", "rest_p99_ms", "own_p50_ms", "own_p99_ms", "late", "idle"))
        return {
            f"engine by itself, {pace:.0f} a second": {**nothing, **spread("engine", alone)},
            f"whole way, {pace:.0f} a second": await overhead(
                self.owner, self.pairs, self.times, pace, seconds
            ),
        }
