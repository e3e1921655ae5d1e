"""How long people wait for the code to scan, and after the scan."""

import asyncio
import time
from collections.abc import Sequence

from tests.bench.fleet_owner import Owner
from tests.bench.fleet_servers import Worker
from tests.bench.fleet_watch import Watch, now

Waits = dict[str, list[float]]


async def measure(owner: Owner, workers: Sequence[Worker], names: Sequence[str], at_once: int) -> Waits:
    """Makes them; afterwards they are connected."""
    await owner.create(names)
    spared, in_turn = [], []
    for name in names:
        await asyncio.gather(*(worker.stands_by(idle=True) for worker in workers))
        spared.append(await _to_code(owner, name))
        await owner.disconnect(name)
    for name in names:
        in_turn.append(await _to_code(owner, name))
        await owner.disconnect(name)
    codes, alone, together = [], [], []
    for at in range(0, len(names), at_once):
        some = names[at : at + at_once]
        codes += await asyncio.gather(*(_to_code(owner, name) for name in some))
        # Half of them one by one, so that both figures come from the same sessions.
        half = len(some) // 2
        for name in some[:half]:
            alone += await _to_connected(owner, [name])
        together += await _to_connected(owner, some[half:])
    return {
        "connect to QR, a spare engine stands by": spared,
        "connect to QR, one right after the other": in_turn,
        f"connect to QR, {at_once} at once": codes,
        "scan to connected, one at a time": alone,
        f"scan to connected, {at_once - at_once // 2} at once": together,
    }


async def _to_code(owner: Owner, name: str) -> float:
    began = time.perf_counter()
    await owner.connect(name)
    return time.perf_counter() - began


async def _to_connected(owner: Owner, names: Sequence[str]) -> list[float]:
    watch, began = await Watch(owner).begin(), {}

    async def scan(name: str) -> None:
        began[name] = now()
        await owner.scan(name)

    await asyncio.gather(*(scan(name) for name in names))
    moments = await watch.connected(names)
    return [moments[name] - began[name] for name in names]
