"""The queues of the sessions: held back, let go, and emptied for the next measurement."""

import asyncio
from collections.abc import Sequence

import asyncpg

from tests.bench.fleet_owner import Owner
from tests.bench.fleet_people import Pair
from tests.bench.fleet_servers import PATIENCE
from tests.waiting import until

# One by one over the REST API it would take longer than all that is measured.
_CANCEL = "UPDATE messages SET status = 'cancelled' WHERE status = 'queued'"


class Queues:
    def __init__(self, owner: Owner, pairs: Sequence[Pair], database_url: str) -> None:
        self._owner = owner
        self._pairs = pairs
        self._database_url = database_url

    async def pause(self) -> None:
        await self._all("pause")

    async def empty(self) -> None:
        """Nothing waits then and nothing is being sent, and all of them run."""
        await self._all("pause")
        connection = await asyncpg.connect(self._database_url)
        try:
            await connection.execute(_CANCEL)
        finally:
            await connection.close()
        await until(self._nothing_is_left, within=PATIENCE)
        await self._all("resume")

    async def _all(self, what: str) -> None:
        paths = [f"/v1/sessions/{pair.session}/queue/{what}" for pair in self._pairs]
        await asyncio.gather(*(self._owner.call("POST", path, 200) for path in paths))

    async def _nothing_is_left(self) -> bool:
        for pair in self._pairs:
            state = await self._owner.call("GET", f"/v1/sessions/{pair.session}/queue", 200)
            if state["waiting"] or state["sending"]:
                return False
        return True
