"""Brings the schema up to date, one process at a time, without ever queueing long behind a lock."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import structlog
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from alembic import command

log = structlog.get_logger(__name__)

_ADVISORY_LOCK = 0x77617970
# Short, because whoever comes after a migration that waits for a lock waits as well.
LOCK_TIMEOUT = "5s"
_LOCK_NOT_AVAILABLE = "55P03"
_PARTITION = re.compile(r"messages_(\d{4}_\d{2}|other)")


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "alembic"))
    return config


def newest_revision() -> str | None:
    return ScriptDirectory.from_config(configuration()).get_current_head()


async def applied_revision(session: AsyncSession) -> str | None:
    revision: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


async def migrate(dsn: str, revision: str = "head") -> None:
    """A migration that cannot get its lock within 5 s lets traffic pass and tries again."""
    engine = owner_engine(dsn)
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(_lock_not_available),
            wait=wait_random_exponential(multiplier=1, max=10),
            stop=stop_after_attempt(10),
            reraise=True,
        ):
            with attempt:
                async with engine.begin() as connection:
                    await connection.execute(text("SET LOCAL lock_timeout = '60s'"))
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
                    await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
                    await connection.run_sync(_move, revision)
    finally:
        await engine.dispose()


def owner_engine(dsn: str) -> AsyncEngine:
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(dsn, timeout=10, server_settings={"application_name": "waypost-migrate"})

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, pool_size=1)


def current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def of_the_models(name: str | None, kind: str, _parents: Mapping[str, Any]) -> bool:
    """For comparisons: partitions come and go with the months, and no model names them."""
    return kind != "table" or _PARTITION.fullmatch(name or "") is None


def _move(connection: Connection, revision: str) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    before = current_revision(connection)
    if revision == "head" or not before or _is_ahead(revision, before):
        command.upgrade(config, revision)
    else:
        command.downgrade(config, revision)
    log.info("schema_migrated", before=before, after=current_revision(connection))


def _is_ahead(revision: str, current: str) -> bool:
    if revision == "base":
        return False
    scripts = ScriptDirectory.from_config(configuration())
    older = {script.revision for script in scripts.iterate_revisions(current, "base")}
    return revision not in older


def _lock_not_available(error: BaseException) -> bool:
    origin = getattr(error, "orig", None)
    return getattr(origin, "sqlstate", None) == _LOCK_NOT_AVAILABLE
