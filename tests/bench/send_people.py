"""Sessions of a fleet that are connected, and the person that each writes to."""

import asyncio
from collections.abc import Sequence

from tests.bench.fleet_network import Phones
from tests.bench.fleet_owner import Owner
from tests.bench.fleet_people import Pair, get_acquainted, listening
from tests.bench.fleet_watch import Watch

_AT_ONCE = 5


async def connected_pairs(owner: Owner, network: Phones, names: Sequence[str]) -> list[Pair]:
    await owner.create(names)
    for at in range(0, len(names), _AT_ONCE):
        some = names[at : at + _AT_ONCE]
        watch = await Watch(owner).begin()
        await asyncio.gather(*(owner.connect(name) for name in some))
        await asyncio.gather(*(owner.scan(name) for name in some))
        await watch.connected(some)
    async with listening(owner) as ears:
        return await get_acquainted(owner, network, ears, list(names))
