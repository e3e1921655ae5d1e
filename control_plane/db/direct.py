"""Functions of the schema, called past SQLAlchemy: one round trip each, for what is done very often."""

import asyncio
from typing import Any

import asyncpg
import asyncpg.pool


class Direct:
    """In the tenants' role the function itself says for which tenant, before it reads or writes anything."""

    def __init__(self, dsn: str, settings: dict[str, str], size: int) -> None:
        self._dsn = dsn
        self._settings = settings
        self._size = size
        self._pool: asyncpg.pool.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    async def call(self, function: str, *arguments: Any) -> asyncpg.Record:
        numbers = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
        pool = self._pool or await self._open()
        row = await pool.fetchrow(f"SELECT * FROM {function}({numbers})", *arguments, timeout=30)  # noqa: S608
        assert row is not None  # noqa: S101 (each of them answers with one row)
        return row

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def _open(self) -> "asyncpg.pool.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=self._size,
                    max_inactive_connection_lifetime=300,
                    timeout=5,
                    server_settings=self._settings,
                    # What a function sets ends with its transaction; to reset would cost a round trip more.
                    reset=_nothing,
                )
            return self._pool


async def _nothing(_: Any) -> None:
    pass
