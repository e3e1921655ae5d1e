"""The whole comparison, now and then: what no heartbeat can see is looked at, put right and counted."""

from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.repository import FleetRepository
from control_plane.supervision.fences import Fences
from control_plane.supervision.mismatches import Mismatches

log = structlog.get_logger(__name__)


class Comparison:
    """`clear_routes` drops what the map of routes holds beside these sessions, and tells how many."""

    def __init__(self, database: Database, clear_routes: Callable[[set[str]], Awaitable[int]]) -> None:
        self._database = database
        self._clear_routes = clear_routes

    async def run(self) -> int:
        """How many mismatches were put right."""
        corrected: Counter[str] = Counter()
        async with self._database.system(SystemSite.PERIODIC_WORK) as db:
            # Whoever assigns waits for us, or we for them: fences and epochs change together.
            await Fences(db).begin_placing()
            corrected.update(await Mismatches(db).repair_fences())
        async with self._database.system(SystemSite.PERIODIC_WORK) as db:
            accounts = await Mismatches(db).accounts_out_of_step()
        for user_id in accounts:
            async with self._database.system(SystemSite.PERIODIC_WORK) as db:
                corrected.update(await Mismatches(db).repair_account(user_id))
        async with self._database.system(SystemSite.PERIODIC_WORK) as db:
            sessions = await Mismatches(db).sessions()
        corrected["route_of_nobody"] += await self._clear_routes(sessions)
        await self._count(corrected)
        found = {kind: count for kind, count in corrected.items() if count}
        log.info("sync_complete", checked=len(sessions), updated=sum(found.values()), **found)
        return sum(found.values())

    async def _count(self, corrected: Counter[str]) -> None:
        async with self._database.system(SystemSite.PERIODIC_WORK) as db:
            for kind, count in sorted(corrected.items()):
                if count:
                    await FleetRepository(db).count_repair(kind, count)
