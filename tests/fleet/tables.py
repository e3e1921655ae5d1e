"""What stands in the tables, asked past the API: it may be away, or it may be the one that is wrong."""

from typing import Any

import asyncpg


class Tables:
    def __init__(self, url: str) -> None:
        self._url = url

    async def ask(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return rows
        finally:
            await connection.close()

    async def owners(self) -> dict[str, tuple[str | None, int]]:
        """By the session's name: who runs it, at which epoch."""
        rows = await self.ask("SELECT name, worker_id, epoch FROM sessions")
        return {row["name"]: (row["worker_id"], row["epoch"]) for row in rows}

    async def end_of(self, worker: str) -> str | None:
        """Why its incarnation was ended."""
        (row,) = await self.ask("SELECT retired_reason FROM workers WHERE id = $1", worker)
        reason: str | None = row["retired_reason"]
        return reason

    async def unheard_for(self, seconds: float) -> bool:
        """No worker's heartbeat was taken for so long."""
        (row,) = await self.ask(
            "SELECT max(heartbeat_at) < clock_timestamp() - make_interval(secs => $1) AS silent FROM workers",
            seconds,
        )
        return bool(row["silent"])

    async def leases_are_over_for(self, seconds: float, *workers: str) -> bool:
        (row,) = await self.ask(
            "SELECT max(lease_until) < clock_timestamp() - make_interval(secs => $1) AS over"
            " FROM workers WHERE id = ANY($2::text[])",
            seconds,
            list(workers),
        )
        return bool(row["over"])

    async def told_of(self, worker: str, kind: str) -> list[str]:
        rows = await self.ask(
            "SELECT details::text AS details FROM fleet_events WHERE worker_id = $1 AND kind = $2"
            " ORDER BY created_at, id",
            worker,
            kind,
        )
        return [row["details"] for row in rows]
