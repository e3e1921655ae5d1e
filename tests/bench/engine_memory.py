"""Memory of engines that have nothing to do, by how many sessions they hold."""

import asyncio
import os
from collections.abc import Callable, Sequence

import asyncpg

from tests.bench.emulator import Emulator
from tests.bench.engine_crew import Crew, running
from tests.bench.engine_sessions import Linked
from tests.bench.process_figures import memory_mib
from tests.bench.tables import Figures

_BETWEEN_LOOKS = 1.0
_LOOKS = 15
_STILL_MIB = 0.3

Rows = dict[str, Figures]


async def measure(
    emulator: Emulator, linked: Sequence[Linked], steps: Sequence[int], url: str, say: Callable[[str], None]
) -> Rows:
    """All of them in engines of fifty at the last step."""
    rows: Rows = {}
    async with running(emulator, spares=1) as crew:
        await crew.processes(1)
        rows["1 engine, no session"] = _row(await _settled(crew.pids), engines=1, sessions=0)
        held = 0
        for count in steps:
            say(f"memory: {count} idle sessions")
            for at in range(held, count, 10):
                await crew.start([each.spec for each in linked[at : min(at + 10, count)]])
            held = count
            rows |= await _rows(crew, count, url)
    return rows


async def _rows(crew: Crew, count: int, url: str) -> Rows:
    connections = float(await _connections(url))
    busy = [engine.process.pid for engine in crew.fleet.pool.engines]
    engines = "1 engine" if len(busy) == 1 else f"{len(busy)} engines"
    rows = {
        f"{engines}, {count} idle": _row(
            await _settled(busy), engines=len(busy), sessions=count, connections=connections
        )
    }
    if len(busy) > 1:
        rows["their agent"] = _row(memory_mib(os.getpid()))
        rows["engines, agent and a spare engine"] = _row(memory_mib(os.getpid(), *crew.pids))
    return rows


def _row(memory: Figures, **figures: float) -> Figures:
    return {"engines": None, "sessions": None, "connections": None, **memory, **figures}


async def _settled(pids: Sequence[int]) -> dict[str, float]:
    """What starts up fills memory for some seconds more: two looks, a second apart, must see the same."""
    before = memory_mib(*pids)
    for _ in range(_LOOKS):
        await asyncio.sleep(_BETWEEN_LOOKS)
        now = memory_mib(*pids)
        if abs(now["private"] - before["private"]) < _STILL_MIB:
            return now
        before = now
    return before


async def _connections(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        asked = (
            "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"
        )
        return int(await connection.fetchval(asked))
    finally:
        await connection.close()
