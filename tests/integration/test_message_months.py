"""Messages lie by month: moved there by the migration, made ahead of time, dropped when they are empty."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import func
from sqlalchemy.exc import DBAPIError

from control_plane.db import migrations
from control_plane.db.engine import Database, SystemSite
from control_plane.messages.history.months import AHEAD, MessageMonths, first_id_at, first_id_of, keep_months
from shared.ids import UserId, new_uuid
from tests.conftest import TEMPLATE
from tests.databases import own_database

BEFORE, SINCE = "20261125_1700", "20261130_2210"
NOW = datetime.now(UTC)
USER, SESSION = uuid.uuid4(), uuid.uuid4()


def id_of(moment: datetime) -> uuid.UUID:
    """As one that is made now, at another time."""
    return uuid.UUID(int=first_id_at(moment).int | (new_uuid().int & ((1 << 80) - 1)))


def part_of(moment: datetime) -> str:
    return f"messages_{moment:%Y_%m}"


def following(moment: datetime, months: int = 1) -> datetime:
    count = moment.year * 12 + moment.month - 1 + months
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)


@pytest.fixture
async def own(make_settings) -> AsyncIterator[tuple[Database, asyncpg.Connection]]:
    """A database of the test's own: as our roles see it, and as the schema's owner does."""
    async with own_database("months", TEMPLATE) as url:
        database, owner = Database(make_settings(WAYPOST_DATABASE_URL=url), "t"), await asyncpg.connect(url)
        await people(owner)
        yield database, owner
        await owner.close()
        await database.close()


async def people(owner: asyncpg.Connection) -> None:
    await owner.execute(
        "INSERT INTO users (id, email, name, password_hash, role, tier)"
        " VALUES ($1, 'a', 'a', '', 'user', 'MAX')",
        USER,
    )
    await owner.execute("INSERT INTO sessions (id, user_id, name) VALUES ($1, $2, 'shop')", SESSION, USER)


async def put(owner: asyncpg.Connection, *ids: uuid.UUID) -> None:
    rows = [(identity, USER, SESSION, f"text of {identity}") for identity in ids]
    await owner.executemany(
        "INSERT INTO messages (id, user_id, session_id, text) VALUES ($1, $2, $3, $4)", rows
    )


async def places(owner: asyncpg.Connection) -> dict[uuid.UUID, str]:
    rows = await owner.fetch("SELECT id, tableoid::regclass::text AS part FROM messages")
    return {row["id"]: row["part"] for row in rows}


async def test_the_messages_of_before_are_moved_to_their_months_and_back(empty_database_url: str):
    await migrations.migrate(empty_database_url, BEFORE)
    owner = await asyncpg.connect(empty_database_url)
    await people(owner)
    moments = [NOW, NOW - timedelta(days=40), NOW - timedelta(days=400)]
    ids, odd = [id_of(moment) for moment in moments], uuid.UUID(int=1)
    await put(owner, *ids, odd)
    rows = await owner.fetch("SELECT * FROM messages ORDER BY id")
    await migrations.migrate(empty_database_url, SINCE)
    found = await places(owner)
    assert [found[identity] for identity in ids] == [part_of(moment) for moment in moments]
    assert found[odd] == "messages_other"
    assert await owner.fetch("SELECT * FROM messages ORDER BY id") == rows
    await migrations.migrate(empty_database_url, BEFORE)
    assert await owner.fetch("SELECT * FROM messages ORDER BY id") == rows
    await owner.close()


async def test_nothing_but_the_table_itself_is_open_to_anybody(own):
    """Who could read a partition would read past the rules that stand on the table."""
    _, owner = own
    rights = await owner.fetch(
        "SELECT relname, relacl, relrowsecurity FROM pg_class JOIN pg_inherits ON oid = inhrelid"
        " WHERE inhparent = 'messages'::regclass"
    )
    assert len(rights) == AHEAD + 2
    assert {(row["relacl"], row["relrowsecurity"]) for row in rights} == {(None, True)}


async def test_coming_months_are_made_once_and_by_nobody_but_the_system(own):
    database, owner = own
    async with database.system(SystemSite.PERIODIC_WORK) as db:
        assert await MessageMonths(db).ensure(AHEAD) == 0
        assert await MessageMonths(db).ensure(AHEAD + 2) == 2
    late = id_of(following(NOW, AHEAD + 2) + timedelta(days=3))
    await put(owner, late)
    assert (await places(owner))[late] == part_of(following(NOW, AHEAD + 2))
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database._app_sessions() as db:
            db.info["site"] = SystemSite.PERIODIC_WORK
            await MessageMonths(db).ensure(AHEAD)


async def test_what_a_wrong_clock_puts_aside_is_told_and_moved_when_its_month_is_made(own):
    database, owner = own
    moment = following(NOW, AHEAD + 1) + timedelta(days=1)
    early, never = id_of(moment), id_of(datetime(2001, 5, 5, tzinfo=UTC))
    await put(owner, early, never)
    assert set((await places(owner)).values()) == {"messages_other"}
    async with database.system(SystemSite.PERIODIC_WORK) as db:
        assert await MessageMonths(db).outside() == 2
        assert await MessageMonths(db).ensure(AHEAD + 1) == 1
        assert await MessageMonths(db).outside() == 1
    assert await places(owner) == {early: part_of(moment), never: "messages_other"}


async def test_months_that_are_over_and_empty_are_dropped(own):
    database, owner = own
    for months in (-14, -13):
        await owner.execute("SELECT make_message_month($1)", following(NOW, months).date())
    kept = id_of(following(NOW, -13) + timedelta(days=3))
    await put(owner, kept)
    assert await keep_months(database) == 1
    assert await owner.fetchval("SELECT to_regclass($1)", part_of(following(NOW, -14))) is None
    assert (await places(owner))[kept] == part_of(following(NOW, -13))
    await owner.execute("DELETE FROM messages")
    assert await keep_months(database) == 1
    # Neither this month nor one to come, however empty.
    assert await owner.fetchval("SELECT to_regclass($1)", part_of(NOW)) is not None
    async with database.system(SystemSite.PERIODIC_WORK) as db:
        assert await MessageMonths(db).drop(date(2999, 1, 1)) == 0


async def test_who_is_in_the_way_is_not_waited_for(own):
    """Whoever came after us would wait as well."""
    database, owner = own
    async with owner.transaction():
        await owner.execute("UPDATE sessions SET description = 'busy'")
        with pytest.raises(DBAPIError, match="lock timeout"):
            async with database.system(SystemSite.PERIODIC_WORK) as db:
                await MessageMonths(db).ensure(AHEAD + 1)
    async with database.system(SystemSite.PERIODIC_WORK) as db:
        assert await MessageMonths(db).ensure(AHEAD + 1) == 1


QUERIES = {
    "page": "session_id = $1 ORDER BY created_at DESC, id DESC LIMIT 50",
    "whatsapp id": "session_id = $1 AND whatsapp_message_id = 'X'",
}


@pytest.mark.parametrize("query", QUERIES)
async def test_no_question_reads_a_whole_month(own, query: str):
    _, owner = own
    # So few rows are read whole otherwise; what matters is that an index can answer.
    await owner.execute("SET enable_seqscan = off")
    plan = await owner.fetch(f"EXPLAIN SELECT * FROM messages WHERE {QUERIES[query]}", SESSION)
    text = "\n".join(row[0] for row in plan)
    assert "Seq Scan" not in text
    assert text.count("Index") >= AHEAD + 2
    assert "->  Sort" not in text


async def test_words_are_found_by_their_index_in_the_role_of_a_tenant(own):
    """Row-level security keeps that index from the role itself: the owner's function asks it."""
    database, owner = own
    ids = [id_of(NOW) for _ in range(3)]
    await put(owner, *ids)
    # What others of the same account write is not even read.
    other = uuid.uuid4()
    await owner.execute("INSERT INTO sessions (id, user_id, name) VALUES ($1, $2, 'other')", other, USER)
    await owner.execute("UPDATE messages SET session_id = $1 WHERE id = $2", other, ids[0])
    for tenant, most, found in ((USER, 100, 2), (USER, 1, 1), (new_uuid(), 100, 0)):
        async with database.tenant(UserId(tenant)) as db:
            words = func.message_ids_with_words(SESSION, "text", most)
            assert len((await db.scalars(words.select())).all()) == found
    scans = (
        "SELECT sum(pg_stat_get_numscans(inhrelid)) FROM pg_inherits"
        " WHERE inhparent = 'ix_messages_text'::regclass"
    )
    await owner.execute("SELECT pg_stat_force_next_flush()")
    before = await owner.fetchval(scans)
    await owner.execute("SELECT set_config('waypost.tenant', $1, false)", str(USER))
    await owner.fetch("SELECT message_ids_with_words($1, 'text', 100)", SESSION)
    await owner.execute("SELECT pg_stat_force_next_flush()")
    assert await owner.fetchval(scans) - before == AHEAD + 2


async def test_an_id_is_looked_up_in_one_month(own):
    _, owner = own
    plan = await owner.fetch("EXPLAIN SELECT * FROM messages WHERE id = $1", id_of(NOW))
    text = "\n".join(row[0] for row in plan)
    assert text.count("messages_") >= 1
    assert part_of(following(NOW)) not in text


def test_the_first_id_of_a_month_is_below_all_its_ids():
    month = date(NOW.year, NOW.month, 1)
    assert first_id_of(month) < id_of(datetime(NOW.year, NOW.month, 1, tzinfo=UTC))
    assert first_id_of(month) > id_of(
        datetime(NOW.year, NOW.month, 1, tzinfo=UTC) - timedelta(milliseconds=1)
    )
    assert new_uuid() > first_id_of(month)


async def test_python_and_the_database_agree_where_a_month_begins(own):
    _, owner = own
    for month in (date(2020, 1, 31), NOW.date(), date(2262, 4, 30)):
        assert await owner.fetchval("SELECT message_month_start($1)", month) == first_id_of(month)
