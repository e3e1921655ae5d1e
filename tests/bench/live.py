"""A thousand open streams of events on one process of the API: how soon they hear, and what they cost."""

import asyncio
import secrets
import time
import uuid

import aiohttp
import uvloop
from redis.asyncio import Redis
from sqlalchemy import select

from control_plane.accounts.models import User
from control_plane.db.engine import Database, SystemSite
from control_plane.events.hints import hint
from control_plane.events.log import NewEvent, append
from control_plane.redis_map import connect
from tests.bench.accounts import make_people
from tests.bench.live_streams import SOCKET, SSE, Streams
from tests.bench.plan import QUICK, Plan
from tests.bench.process_figures import memory_mib
from tests.bench.processor_time import processor_seconds
from tests.bench.stand import Stand
from tests.bench.tables import Column, Figures, Table, percentile, row
from tests.waiting import until

_ACCOUNTS, _QUICK_ACCOUNTS = 20, 2
_OF_EACH_KIND = 25
_EVENTS_A_SECOND = 20
_COLUMNS = (
    Column("streams", "streams", 0),
    Column("heard_a_second", "heard/s", 0),
    Column("p50_ms", "p50 ms", 1),
    Column("p99_ms", "p99 ms", 1),
    Column("memory_mib", "memory MiB", 0),
    Column("kib_each", "KiB each", 0),
    Column("server_busy", "server %", 0),
)
_NOTES = (
    f"{_EVENTS_A_SECOND} events a second, each heard by the {2 * _OF_EACH_KIND} streams of its account",
    "from before the transaction that writes it until the stream's client has read it",
    "memory and processor are the API's with all streams open; the clients and the writer share the machine",
)


def run(stand: Stand, plan: Plan) -> list[Table]:
    accounts = _QUICK_ACCOUNTS if plan.rounds == QUICK.rounds else _ACCOUNTS
    server, password = stand.api(), secrets.token_urlsafe(16)
    emails = make_people(stand, accounts, password)
    stand.say(f"opening {accounts * 2 * _OF_EACH_KIND} streams")
    rounds = uvloop.run(_measure(stand, plan, server.url, server.pid, emails, password))
    rows = [row(kind, [one[kind] for one in rounds]) for kind in (SSE, SOCKET)]
    return [Table("live", "Open streams of events", _COLUMNS, rows, _NOTES)]


async def _measure(
    stand: Stand, plan: Plan, url: str, pid: int, emails: list[str], password: str
) -> list[dict[str, Figures]]:
    database, redis = Database(stand.settings, "waypost-bench"), connect(stand.valkey_url)
    connector = aiohttp.TCPConnector(limit=0)
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout()) as http:
            streams = Streams(http, url)
            tokens = [await streams.log_in(email, password) for email in emails]
            empty = memory_mib(pid)["rss"]
            kinds = (SSE, SOCKET) * _OF_EACH_KIND
            await asyncio.gather(*(streams.open(token, kind) for token in tokens for kind in kinds))
            users = await _users(database, emails)
            stand.say("measuring")
            rounds: list[dict[str, Figures]] = []
            for _ in range(plan.rounds):
                began, busy = time.perf_counter(), processor_seconds(pid)
                for latencies in streams.latencies.values():
                    latencies.clear()
                await _write(database, redis, users, round(plan.seconds * _EVENTS_A_SECOND), streams)
                seconds = time.perf_counter() - began
                worked = (processor_seconds(pid) or 0) - (busy or 0)
                memory = memory_mib(pid)["rss"]
                count = len(tokens) * _OF_EACH_KIND
                common = {
                    "streams": float(count),
                    "memory_mib": memory,
                    "kib_each": (memory - empty) * 1024 / (2 * count),
                    "server_busy": worked / seconds * 100,
                }
                rounds.append({kind: common | _heard(streams, kind, seconds) for kind in (SSE, SOCKET)})
            await streams.close()
            return rounds
    finally:
        await redis.aclose()
        await database.close()


async def _users(database: Database, emails: list[str]) -> list[uuid.UUID]:
    async with database.system(SystemSite.COMMAND_LINE) as session:
        return list(await session.scalars(select(User.id).where(User.email.in_(emails))))


async def _write(
    database: Database, redis: Redis, users: list[uuid.UUID], count: int, streams: Streams
) -> None:
    """In an even pace; over when every stream has heard each event of its account."""
    begin = time.perf_counter()
    for number in range(count):
        await asyncio.sleep(begin + number / _EVENTS_A_SECOND - time.perf_counter())
        data = {"writtenAt": time.perf_counter(), "text": "x" * 200}
        event = NewEvent(
            user_id=users[number % len(users)],
            session_id=None,
            sequence=number + 1,
            type="message.received",
            data=data,
        )
        async with database.system(SystemSite.COMMAND_LINE) as session:
            await append(session, [event])
        hint(redis)

    async def all_heard() -> bool:
        streams.check()
        return streams.received >= count * 2 * _OF_EACH_KIND

    await until(all_heard, within=30)
    if streams.received != count * 2 * _OF_EACH_KIND:
        raise RuntimeError("an event was heard twice")


def _heard(streams: Streams, kind: str, seconds: float) -> dict[str, float]:
    ordered = sorted(streams.latencies[kind])
    return {
        "heard_a_second": len(ordered) / seconds,
        "p50_ms": percentile(ordered, 0.5) * 1000,
        "p99_ms": percentile(ordered, 0.99) * 1000,
    }
