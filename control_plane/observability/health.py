"""Is it alive, may it be sent traffic, and how is each part: three questions, three answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.base import Base
from control_plane.db.claims import Depth, depth
from control_plane.db.engine import Database, SystemSite
from control_plane.db.migrations import applied_revision, newest_revision

_PATIENCE = 2.0


class Part(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    status: str
    milliseconds: float | None = None
    detail: str | None = None


class Readiness(msgspec.Struct, frozen=True, rename="camel"):
    status: str
    checks: dict[str, Part]


class Health:
    def __init__(
        self,
        database: Database,
        redis: Redis,
        version: str,
        *,
        queues: Mapping[str, type[Base]],
        count_workers: Callable[[AsyncSession], Awaitable[dict[str, int]]],
    ) -> None:
        self._database = database
        self._redis = redis
        self._queues = queues
        self._count_workers = count_workers
        self._expected_revision = newest_revision()
        self._version = version
        self._started = time.monotonic()
        self.draining = False

    async def readiness(self) -> Readiness:
        """Redis is not asked: it is a map that may be away, and taking every replica out would be worse."""
        checks = {"database": await self.database()}
        if self.draining:
            checks["replica"] = Part("down", detail="is shutting down")
        return Readiness(_overall(checks, needed=set(checks)), checks)

    async def report(self) -> dict[str, Any]:
        database, redis, queues, workers = await asyncio.gather(
            self.database(), self.redis(), self.queues(), self.workers()
        )
        checks = {"database": database, "redis": redis}
        return {
            "status": _overall(checks, needed={"database"}),
            "version": self._version,
            "uptimeSeconds": round(time.monotonic() - self._started),
            "checks": checks,
            "workers": workers,
            "queues": queues,
        }

    async def queues(self) -> dict[str, Depth] | None:
        """None while the database cannot tell."""
        try:
            async with asyncio.timeout(_PATIENCE), self._database.system(SystemSite.HEALTH) as session:
                return {name: await depth(session, model) for name, model in self._queues.items()}
        except Exception:
            return None

    async def workers(self) -> dict[str, int] | None:
        """How many are live, are draining and are gone; None while the database cannot tell."""
        try:
            async with asyncio.timeout(_PATIENCE), self._database.system(SystemSite.HEALTH) as session:
                return await self._count_workers(session)
        except Exception:
            return None

    async def database(self) -> Part:
        async def look() -> str | None:
            async with self._database.system(SystemSite.HEALTH) as session:
                applied = await applied_revision(session)
            return None if applied == self._expected_revision else "waits for migrations"

        return await _timed(look())

    async def redis(self) -> Part:
        async def look() -> str | None:
            await self._redis.ping()
            return None

        return await _timed(look())


async def _timed(look: Awaitable[str | None]) -> Part:
    started = time.perf_counter()
    try:
        problem = await asyncio.wait_for(look, _PATIENCE)
    except TimeoutError:
        return Part("down", detail=f"no answer within {_PATIENCE:g} s")
    except Exception as error:
        # The name of the error and nothing else: messages of drivers hold addresses and users.
        return Part("down", detail=type(error).__name__)
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    return Part("up" if problem is None else "down", milliseconds, problem)


def _overall(checks: dict[str, Part], needed: set[str]) -> str:
    down = {name for name, part in checks.items() if part.status != "up"}
    if down & needed:
        return "down"
    return "degraded" if down else "up"
