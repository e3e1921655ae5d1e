"""What everything has cost until now: two of these, and the messages between them, give the cost of each."""

from collections.abc import Mapping
from typing import Final, Self

import asyncpg
from redis.asyncio import Redis

from tests.bench.fleet_servers import FleetServers, Worker
from tests.bench.process_figures import family_seconds
from tests.bench.processor_time import processor_seconds
from tests.bench.stand import Stand

PARTS: Final = ("api", "background", "agent", "engines", "emulator", "postgres", "valkey")
_DATABASE = """
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS transactions,
    pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint AS wal,
    (SELECT count(*) FROM messages WHERE direction = 'outbound') AS outbound
"""


class Meter:
    """`async with`."""

    def __init__(self, stand: Stand, servers: FleetServers, worker: Worker, postmaster: int) -> None:
        self._stand = stand
        self._servers = servers
        self._worker = worker
        self._postmaster = postmaster

    async def __aenter__(self) -> Self:
        self._database = await asyncpg.connect(self._stand.postgres_url)
        self._redis = Redis.from_url(self._stand.valkey_url)
        self._valkey = int((await self._redis.info("server"))["process_id"])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._database.close()
        await self._redis.aclose()

    async def read(self) -> dict[str, float]:
        """Processor time in milliseconds; transactions that wrote something; messages that were accepted."""
        stands = await self._database.fetchrow(_DATABASE)
        return {
            **{name: seconds * 1000 for name, seconds in self._seconds().items()},
            "transactions": float(stands["transactions"]),
            "wal_kib": stands["wal"] / 1024,
            "outbound": float(stands["outbound"]),
            "redis": float((await self._redis.info("stats"))["total_reads_processed"]),
        }

    def _seconds(self) -> dict[str, float]:
        used = self._servers.processor_seconds()
        agent = processor_seconds(self._worker.pid) or 0
        return {
            **{name: used[name] for name in ("api", "background", "emulator")},
            "agent": agent,
            "engines": used["workers"] - agent,
            "postgres": family_seconds(self._postmaster),
            "valkey": processor_seconds(self._valkey) or 0,
        }


def of_each(before: Mapping[str, float], after: Mapping[str, float], count: float) -> dict[str, float]:
    found = {name: (after[name] - was) / count for name, was in before.items()}
    return {**found, "all": sum(found[name] for name in PARTS)}
