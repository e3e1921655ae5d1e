"""A year of messages of many sessions, made inside the database: nothing else is fast enough for millions."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import asyncpg

SESSIONS, CHATS, MONTHS = 200, 40, 12
WORDS = 20_000
# The lower its number, the oftener a word comes, as in every language.
_WORD = f"'w' || floor({WORDS} * random() ^ 3)::int"
_PIECE = 100_000

_CONTACTS = """
INSERT INTO contacts (id, user_id, session_id, phone)
SELECT md5('contact-' || s || '-' || c)::uuid, $1, md5('session-' || s)::uuid, '+4915' || 100000 + s * 100 + c
FROM generate_series(0, $2::int - 1) s, generate_series(0, $3::int - 1) c
"""
# One after the other in time, as they came; ids begin with their moment.
_MESSAGES = f"""
INSERT INTO messages (id, user_id, session_id, created_at, direction, type, chat_id, contact_id, sender,
    phone, text, content, whatsapp_message_id, status, ack)
SELECT
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(random, 1, 3)
        || '8' || substr(random, 4, 15))::uuid,
    $1, md5('session-' || s)::uuid, at,
    CASE WHEN g % 2 = 0 THEN 'inbound' ELSE 'outbound' END,
    CASE WHEN kind < 0.9 THEN 'text' WHEN kind < 0.98 THEN 'image' ELSE 'location' END,
    '4915' || 100000 + s * 100 + c || '@s.whatsapp.net', md5('contact-' || s || '-' || c)::uuid,
    '4915' || 100000 + s * 100 + c || '@s.whatsapp.net', '+4915' || 100000 + s * 100 + c,
    words, jsonb_build_object('type', 'text', 'text', words), upper(substr(random, 1, 20)),
    CASE WHEN g % 2 = 0 THEN 'received' ELSE 'read' END, CASE WHEN g % 2 = 0 THEN 0 ELSE 3 END
FROM (
    SELECT g, md5(random()::text || g) AS random, random() AS kind,
        $2::timestamptz
            + ($3::timestamptz - $2::timestamptz) * ((g - $4::int + 0.5) / ($5::int - $4::int)) AS at,
        floor(random() * {SESSIONS})::int AS s, floor(random() * {CHATS})::int AS c,
        concat_ws(' ', {", ".join([_WORD] * 8)}) AS words
    FROM generate_series($4::int, $5::int - 1) g
) made
"""


@dataclass(frozen=True, slots=True)
class History:
    user_id: uuid.UUID
    begins: datetime
    ends: datetime
    rows: int
    # Some of them, from all over the year.
    ids: list[uuid.UUID]


def session_of(number: int) -> uuid.UUID:
    return uuid.UUID(hashlib.md5(f"session-{number}".encode(), usedforsecurity=False).hexdigest())


def phone_of(session: int, chat: int) -> str:
    return f"+4915{100_000 + session * 100 + chat}"


async def fill(url: str, user_id: uuid.UUID, rows: int, say: Callable[[str], None]) -> History:
    """Without the indexes, which are made afterwards: that takes a fraction of the time."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "SET session_replication_role = replica; SET synchronous_commit = off;"
            " SET maintenance_work_mem = '512MB'; SET client_min_messages = warning"
        )
        months = await _months(connection)
        await connection.execute(
            "INSERT INTO sessions (id, user_id, name)"
            " SELECT md5('session-' || s)::uuid, $1, 'session-' || s FROM generate_series(0, $2::int - 1) s",
            user_id,
            SESSIONS,
        )
        await connection.execute(_CONTACTS, user_id, SESSIONS, CHATS)
        async with _without_indexes(connection, say):
            for number, (begin, end) in enumerate(pairwise(months)):
                say(f"history: month {number + 1} of {MONTHS}")
                await _month(connection, user_id, begin, end, rows // MONTHS)
        await connection.execute("VACUUM ANALYZE messages, contacts, sessions")
        ids = await connection.fetch("SELECT id FROM messages TABLESAMPLE SYSTEM (0.5) LIMIT 100000")
        every = max(1, len(ids) // 1000)
        return History(user_id, months[0], months[-1], rows, [row["id"] for row in ids[::every]])
    finally:
        await connection.close()


async def _months(connection: asyncpg.Connection) -> list[datetime]:
    """The first moments of the last twelve that are whole, and of the present one; each has its partition."""
    now = datetime.now(UTC)
    present = now.year * 12 + now.month - 1
    firsts = [divmod(present - back, 12) for back in range(MONTHS, -1, -1)]
    moments = [datetime(year, month + 1, 1, tzinfo=UTC) for year, month in firsts]
    for moment in moments:
        await connection.execute("SELECT make_message_month($1)", moment.date())
    return moments


async def _month(
    connection: asyncpg.Connection, user_id: uuid.UUID, begin: datetime, end: datetime, rows: int
) -> None:
    pieces = max(1, rows // _PIECE)
    for piece in range(pieces):
        since, until = begin + (end - begin) * piece / pieces, begin + (end - begin) * (piece + 1) / pieces
        first, last = rows * piece // pieces, rows * (piece + 1) // pieces
        await connection.execute(_MESSAGES, user_id, since, until, first, last)
        # The rest of the machine gets its turn.
        await asyncio.sleep(0)


@asynccontextmanager
async def _without_indexes(connection: asyncpg.Connection, say: Callable[[str], None]) -> AsyncIterator[None]:
    indexes: list[Any] = await connection.fetch(
        "SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS made FROM pg_index"
        " WHERE indrelid = 'messages'::regclass AND NOT indisprimary"
    )
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    yield
    for index in indexes:
        say(f"history: {index['name']}")
        await connection.execute(index["made"].replace(" ON ONLY ", " ON "))
