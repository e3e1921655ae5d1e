"""How long people wait: for the code to scan, and for their sessions after a crash of an engine."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence

from tests.bench.emulator import Emulator
from tests.bench.engine_crew import PATIENCE, running
from tests.bench.engine_sessions import Linked, make_fences, new_spec
from tests.bench.tables import Figures, percentile
from worker.whatsapp.stores import Store


async def to_qr(emulator: Emulator, store: Store, *, spares: int, tries: int) -> Figures:
    taken = []
    async with running(emulator, spares=spares) as crew:
        for _ in range(tries):
            spec = new_spec(store)
            await make_fences(store, [spec])
            await crew.processes(spares)
            async with asyncio.timeout(PATIENCE):
                shown, began = crew.next(spec, "qr"), time.perf_counter()
                crew.fleet.start(spec)
                taken.append(await shown - began)
            await crew.fleet.stop(spec.session)
    return _figures(taken)


async def to_resume(
    emulator: Emulator, linked: Sequence[Linked], *, spares: int, tries: int
) -> dict[str, list[float]]:
    """From the kill to the log-in: of the first session that is back, and of the last."""
    first, last = [], []
    async with running(emulator, spares=spares) as crew:
        await crew.start([each.spec for each in linked])
        for _ in range(tries):
            await crew.processes(spares + 1)
            back = [crew.next(each.spec, "connected") for each in linked]
            (engine,) = crew.fleet.pool.engines
            began = time.perf_counter()
            os.kill(engine.process.pid, signal.SIGKILL)
            async with asyncio.timeout(PATIENCE):
                moments = await asyncio.gather(*back)
            first.append(min(moments) - began)
            last.append(max(moments) - began)
            # Deaths that come again make the fleet tell the sessions apart, which is not what is measured.
            for each in linked:
                crew.fleet.pool.forgive(each.spec.session)
    return {"first": first, "last": last}


def _figures(taken: Sequence[float]) -> Figures:
    ordered = sorted(taken)
    return {
        "p50_ms": percentile(ordered, 0.5) * 1000,
        "worst_ms": ordered[-1] * 1000,
        "tries": float(len(ordered)),
    }


async def rows(
    emulator: Emulator, store: Store, linked: Sequence[Linked], many: int, tries: int
) -> dict[str, Figures]:
    found = {
        "to the code, a spare engine stands by": await to_qr(emulator, store, spares=1, tries=tries),
        "to the code, no spare engine": await to_qr(emulator, store, spares=0, tries=tries),
    }
    for count in (1, many):
        for spares in (1, 0):
            taken = await to_resume(emulator, linked[:count], spares=spares, tries=tries)
            beside = "a spare engine stands by" if spares else "no spare engine"
            if count == 1:
                found[f"kill to connected, 1 session, {beside}"] = _figures(taken["last"])
                continue
            for which, moments in taken.items():
                found[f"kill to connected, {which} of {count}, {beside}"] = _figures(moments)
    return found
