"""The queues of the sessions: held back, let go, and emptied for the next measurement."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

from deploy.local.errors import LaunchError
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
        left: list[dict[str, Any]] = []

        async def nothing_is_left() -> bool:
            # Again and again: what is being sent may come back into the queue.
            await connection.execute(_CANCEL)
            states = [await self._call("GET", pair) for pair in self._pairs]
            left[:] = [state for state in states if state["waiting"] or state["sending"]]
            return not left

        try:
            await until(nothing_is_left, within=PATIENCE)
        except TimeoutError:
            raise LaunchError(f"Queues were not empty within {PATIENCE:.0f} s:", str(left)) from None
        finally:
            await connection.close()
        await self._all("resume")

    async def _all(self, what: str) -> None:
        await asyncio.gather(*(self._call("POST", pair, f"/{what}") for pair in self._pairs))

    async def _call(self, method: str, pair: Pair, what: str = "") -> Any:
        return await self._owner.call(method, f"/v1/sessions/{pair.session}/queue{what}", 200)
