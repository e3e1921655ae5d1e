"""Reading a long history: through the API, and the same questions as bare SQL in the tenant's role."""

import asyncio
import itertools
import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import uvloop

from control_plane.db.engine import APP_ROLE, TENANT_SETTING
from shared.ids import parse_public_id
from tests.bench.accounts import unlimited_api_key
from tests.bench.history_rows import CHATS, SESSIONS, History, fill, phone_of, session_of
from tests.bench.http_load import Job
from tests.bench.plan import QUICK, Plan
from tests.bench.requests import http_figures
from tests.bench.stand import Stand
from tests.bench.stopwatch import sample_async, summary
from tests.bench.tables import Column, Figures, Row, Table, row

_ROWS, _QUICK_ROWS = 5_000_000, 120_000
_KINDS_OF_EACH = 400
_COLUMNS = (
    Column("requests_per_second", "a second", 0),
    Column("p50_ms", "p50 ms", 2),
    Column("p99_ms", "p99 ms", 2),
    Column("spread", "spread %", 0),
    Column("server_busy", "server %", 0),
)
_NOTES = (
    "one connection: what a single reader waits for; pages hold 50 messages",
    "each request asks for another session, chat, word or moment, drawn at random but always the same ones",
    "a common word is in one message of 30, a rare one in one of some thousands",
)


@dataclass(frozen=True, slots=True)
class _Question:
    name: str
    paths: list[str]
    sql: str
    values: list[tuple[Any, ...]]


def run(stand: Stand, plan: Plan) -> list[Table]:
    api, key = stand.api(), unlimited_api_key(stand)
    with httpx.Client(
        base_url=api.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False
    ) as client:
        user_id = parse_public_id("usr", client.get("/v1/whoami").raise_for_status().json()["userId"])
        assert user_id is not None
        rows = _QUICK_ROWS if plan.rounds == QUICK.rounds and plan.seconds == QUICK.seconds else _ROWS
        history = uvloop.run(fill(stand.postgres_url, user_id, rows, stand.say))
        questions = _questions(history, client)
    over_http: dict[str, list[Figures]] = {}
    bare: dict[str, list[Figures]] = {}
    for number in range(1, plan.rounds + 1):
        stand.say(f"history: round {number} of {plan.rounds}")
        for question in questions:
            requests = [_get(path, key) for path in question.paths]
            job = Job(
                port=api.port,
                connections=1,
                seconds=plan.seconds,
                warm_up_seconds=plan.warm_up_seconds,
                requests=requests,
                expected_status=200,
                server_pid=api.pid,
            )
            over_http.setdefault(question.name, []).append(http_figures(stand.load(job)))
            found = uvloop.run(_bare(stand.postgres_url, user_id, question, plan.seconds))
            bare.setdefault(question.name, []).append(found)
    title = f"{history.rows:,} messages of {SESSIONS} sessions in 12 months"
    return [
        Table("history", f"{title}, over HTTP", _COLUMNS, _rows(over_http), ()),
        Table("history", f"{title}, bare SQL", _COLUMNS, _rows(bare), _NOTES),
    ]


def _rows(found: dict[str, list[Figures]]) -> list[Row]:
    return [row(name, rounds, spread_of="p50_ms") for name, rounds in found.items()]


def _questions(history: History, client: httpx.Client) -> list[_Question]:
    draw = random.Random(20_261_130)
    sessions = [draw.randrange(SESSIONS) for _ in range(_KINDS_OF_EACH)]
    of = [f"/v1/sessions/ses-{session_of(session)}/messages?limit=50" for session in sessions]
    ids = [session_of(session) for session in sessions]
    moments = [history.begins + (history.ends - history.begins) * draw.random() for _ in sessions]
    chats = [draw.randrange(CHATS) for _ in sessions]
    phones = [phone_of(session, chat) for session, chat in zip(sessions, chats, strict=True)]
    common, rare = [f"w{draw.randrange(2)}" for _ in ids], [f"w{draw.randrange(9_000, 20_000)}" for _ in ids]
    words = "id = ANY(ARRAY(SELECT message_ids_with_words($2, $3, 1000)))"
    chosen = [draw.choice(history.ids) for _ in ids]
    contact = "contact_id = (SELECT id FROM contacts WHERE user_id = $1 AND session_id = $2 AND phone = $3)"
    return [
        _Question("first page", of, _page(""), _values(history, ids)),
        _Question(
            "page deep inside",
            [_deep(client, path, moment) for path, moment in zip(of, moments, strict=True)],
            _page("AND (created_at, id) < ($3, $4)"),
            [
                (history.user_id, session, moment, uuid.UUID(int=0))
                for session, moment in zip(ids, moments, strict=True)
            ],
        ),
        _Question(
            "of a chat", _with(of, "chat", phones), _page(f"AND {contact}"), _values(history, ids, phones)
        ),
        _Question(
            "of a type",
            _with(of, "type", ["location"] * len(of)),
            _page("AND type = $3"),
            _values(history, ids, ["location"] * len(of)),
        ),
        _Question(
            "a common word", _with(of, "q", common), _page(f"AND {words}"), _values(history, ids, common)
        ),
        _Question("a rare word", _with(of, "q", rare), _page(f"AND {words}"), _values(history, ids, rare)),
        _Question(
            "by id",
            [f"/v1/messages/msg-{one}" for one in chosen],
            "SELECT * FROM messages WHERE user_id = $1 AND id = $2",
            _values(history, chosen),
        ),
    ]


def _page(more: str) -> str:
    return (
        f"SELECT * FROM messages WHERE user_id = $1 AND session_id = $2 {more}"
        " ORDER BY created_at DESC, id DESC LIMIT 51"
    )


def _values(history: History, ids: list[uuid.UUID], *more: list[str]) -> list[tuple[Any, ...]]:
    return [(history.user_id, *each) for each in zip(ids, *more, strict=True)]


def _with(paths: list[str], name: str, values: list[str]) -> list[str]:
    return [f"{path}&{name}={quote(value)}" for path, value in zip(paths, values, strict=True)]


def _deep(client: httpx.Client, path: str, moment: datetime) -> str:
    """The page behind the one that ends at this moment, as somebody would come to it who reads on."""
    until = f"{path}&until={quote((moment + timedelta(days=20)).isoformat())}"
    cursor = client.get(until).raise_for_status().json()["nextCursor"]
    return f"{until}&cursor={cursor}" if cursor else until


def _get(path: str, key: str) -> str:
    lines = [f"GET {path} HTTP/1.1", "Host: waypost.example", "Accept: application/json"]
    return "\r\n".join([*lines, f"Authorization: Bearer {key}", "", ""])


async def _bare(url: str, user_id: uuid.UUID, question: _Question, seconds: float) -> Figures:
    connection = await asyncpg.connect(url, server_settings={"role": APP_ROLE, "jit": "off"})
    try:
        await connection.execute("SELECT set_config($1, $2, false)", TENANT_SETTING, str(user_id))
        values = itertools.cycle(question.values)

        async def ask() -> None:
            await connection.fetch(question.sql, *next(values))

        await asyncio.wait_for(ask(), 60)
        taken = await sample_async(ask, seconds)
    finally:
        await connection.close()
    microseconds = summary(taken)
    return {
        "requests_per_second": len(taken) / seconds,
        "p50_ms": (microseconds["p50_us"] or 0) / 1000,
        "p99_ms": (microseconds["p99_us"] or 0) / 1000,
        "server_busy": None,
    }
