"""The schema: built by the migrations alone, the same as the models, up, down and up again."""

import asyncio

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import control_plane.models  # noqa: F401
from control_plane.db import migrations
from control_plane.db.base import Base
from tests.waiting import until


async def differences(url: str) -> list[object]:
    engine = migrations.owner_engine(url)
    async with engine.connect() as connection:
        found = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"include_name": migrations.of_the_models}),
                Base.metadata,
            )
        )
    await engine.dispose()
    return list(found)


async def revision(url: str) -> str | None:
    engine = migrations.owner_engine(url)
    async with engine.connect() as connection:
        found = await connection.run_sync(migrations.current_revision)
    await engine.dispose()
    return found


async def test_the_migrations_make_what_the_models_say(database_url: str):
    assert await differences(database_url) == []


async def test_up_down_and_up_again(empty_database_url: str):
    await migrations.migrate(empty_database_url)
    assert await revision(empty_database_url) == migrations.newest_revision()
    await migrations.migrate(empty_database_url, "base")
    assert await revision(empty_database_url) is None
    await migrations.migrate(empty_database_url)
    assert await differences(empty_database_url) == []


async def test_several_at_once_migrate_once(empty_database_url: str):
    await asyncio.gather(*(migrations.migrate(empty_database_url) for _ in range(4)))
    assert await revision(empty_database_url) == migrations.newest_revision()


async def test_a_migration_that_meets_a_lock_lets_traffic_pass_and_tries_again(
    empty_database_url: str, monkeypatch
):
    """Whoever holds the lock is not queued behind: the wait is short, and the next try succeeds."""
    await migrations.migrate(empty_database_url)
    holder, onlooker = await asyncpg.connect(empty_database_url), await asyncpg.connect(empty_database_url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("LOCK TABLE users IN ACCESS SHARE MODE")
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")
    down = asyncio.create_task(migrations.migrate(empty_database_url, "base"))

    async def met() -> bool:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return bool(await onlooker.fetchval(f"{waiting} AND datname = current_database()"))

    await until(met)
    await transaction.commit()
    async with asyncio.timeout(30):
        await down
    assert await revision(empty_database_url) is None
    await holder.close()
    await onlooker.close()


async def test_migrating_twice_changes_nothing(database_url: str):
    await migrations.migrate(database_url)
    assert await differences(database_url) == []
