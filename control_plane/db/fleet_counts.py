"""How many workers there are, for those who stand below the fleet and may not know it."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_COUNTS = text("""
    SELECT count(*) FILTER (WHERE live AND NOT draining) AS live,
        count(*) FILTER (WHERE live AND draining) AS draining,
        count(*) FILTER (WHERE NOT live) AS offline
    FROM (
        SELECT draining, retired_at IS NULL AND coalesce(lease_until > clock_timestamp(), false) AS live
        FROM workers
    ) AS each
""")


async def worker_counts(session: AsyncSession) -> dict[str, int]:
    row: Any = (await session.execute(_COUNTS)).one()
    return {"live": row.live, "draining": row.draining, "offline": row.offline}
