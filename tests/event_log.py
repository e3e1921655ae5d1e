"""Events are shown when no earlier one can come any more: a reader waits for whoever writes meanwhile."""

from sqlalchemy import text

from control_plane.db.engine import Database, SystemSite
from tests.waiting import until

_NOW = text("SELECT pg_current_xact_id()::text::bigint")
_OLDEST = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


async def all_shown(database: Database) -> None:
    """Returns when readers are shown all that is written by now."""
    async with database.system(SystemSite.EVENT_TAIL) as db:
        written: int = (await db.execute(_NOW)).scalar_one()

    async def are_shown() -> bool:
        async with database.system(SystemSite.EVENT_TAIL) as db:
            oldest: int = (await db.execute(_OLDEST)).scalar_one()
            return oldest > written

    await until(are_shown)
