"""What becomes of sessions when the worker that runs them is killed, ended, frozen or started again."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.asyncio import Redis

from tests.bench.fleet_owner import Owner
from tests.bench.fleet_servers import Worker
from tests.bench.fleet_watch import NetworkWatch, Watch, now
from tests.fleet.network import Network
from tests.waiting import until

_FLUSHES = 5
_ROUTES_PATIENCE = 60.0


@dataclass(slots=True)
class Gaps:
    """Seconds, a figure for each session: since what was done, by its own log, as the network saw it."""

    since: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    away: list[float] = field(default_factory=list)

    def add(self, more: "Gaps") -> None:
        self.since += more.since
        self.told += more.told
        self.away += more.away


@dataclass(slots=True)
class Found:
    gaps: dict[str, Gaps] = field(default_factory=dict)
    waits: dict[str, list[float]] = field(default_factory=dict)


class Trouble:
    """Of two workers that both have sessions. Afterwards both stand, and the first has all of them."""

    def __init__(
        self, owner: Owner, network: Network, workers: tuple[Worker, Worker], say: Callable[[str], None]
    ) -> None:
        self._owner = owner
        self._watch = NetworkWatch(network)
        self._first, self._second = workers
        self._say = say
        self.found = Found()

    async def run(self) -> Found:
        first, second = self._first, self._second
        await self._strike("kill -9, some of the sessions", first, first.kill)
        await first.start()
        await self._strike("kill -9, all sessions", second, second.kill)
        await second.start()
        await self._drain(first)
        await first.start()
        await self._strike("SIGSTOP, all sessions", second, second.freeze, is_seen=False)
        second.end()
        # One that is alone has nobody who could take its sessions meanwhile.
        await self._strike("kill -9 and start, the only worker", first, lambda: _restart(first))
        await first.stands_by()
        await second.start()
        return self.found

    async def _drain(self, worker: Worker) -> None:
        ending: list[asyncio.Task[float]] = []

        def ask_to_end() -> None:
            worker.terminate()
            ending.append(asyncio.create_task(worker.ended()))

        began = await self._strike("SIGTERM, all sessions", worker, ask_to_end)
        self.found.waits["SIGTERM to the end of the process"] = [await ending[0] - began]

    async def _strike(
        self, name: str, worker: Worker, blow: Callable[[], None], *, is_seen: bool = True
    ) -> float:
        """`is_seen`: the network notices when the connections end."""
        cards = await self._owner.on(worker.name)
        self._say(f"{name} ({len(cards)})")
        watch = await Watch(self._owner).begin()
        await self._watch.begin()
        began = now()
        blow()
        moments = await watch.connected(cards)
        gaps = Gaps([moment - began for moment in moments.values()], [watch.gap(each) for each in cards])
        if is_seen:
            gaps.away = await self._watch.away([card["phone"] for card in cards.values()])
        self.found.gaps[name] = gaps
        return began


def _restart(worker: Worker) -> None:
    worker.kill()
    worker.begin()


async def flush(owner: Owner, redis_url: str, flushes: int = _FLUSHES) -> list[float]:
    """Seconds until Redis knows again where each session runs."""
    ids = [card["id"].removeprefix("ses-") for card in (await owner.sessions()).values()]
    keys = ["waypost:routes:whole", *(f"waypost:route:{each}" for each in ids)]
    taken = []
    async with Redis.from_url(redis_url) as redis:

        async def whole() -> bool:
            return int(await redis.exists(*keys)) == len(keys)

        await until(whole, within=_ROUTES_PATIENCE)
        for _ in range(flushes):
            began = time.perf_counter()
            await redis.flushall()
            await until(whole, within=_ROUTES_PATIENCE)
            taken.append(time.perf_counter() - began)
    return taken
