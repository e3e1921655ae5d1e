"""What one check of the rate limiter costs, beside a bare PING over the same kind of connection."""

import itertools
import time
from collections.abc import Awaitable, Callable, Sequence

import uvloop
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from control_plane.http.limiter import Bucket, FallbackLimiter, Limiter, LocalLimiter, RedisLimiter
from control_plane.redis_map import connect
from deploy.local.ports import HOST, free_port
from tests.bench.plan import Plan
from tests.bench.stand import Stand
from tests.bench.stopwatch import ratio, sample_async, summary
from tests.bench.tables import Column, Figures, Table, row

Work = Callable[[], Awaitable[object]]

_PING = "PING of Valkey"
_QUOTA = 1_000_000_000  # never refuses, so that each check does the whole of its work
_ACCOUNTS = 1_000
_NOTICES = 20
_COLUMNS = (
    Column("p50_us", "p50 µs", 1),
    Column("p99_us", "p99 µs", 1),
    Column("of_ping", "x PING", 2),
)
_NOTES = (
    "one caller at a time, in turn over a thousand accounts; x PING: medians of the same round",
    "Redis is away: nothing listens at its port. Once a second one check notices that and pays for it",
)


def run(stand: Stand, plan: Plan) -> list[Table]:
    found = uvloop.run(_rounds(stand, plan))
    rows = [row(name, rounds) for name, rounds in found.items()]
    return [Table("limiter", "One check of the limiter", _COLUMNS, rows, _NOTES)]


async def _rounds(stand: Stand, plan: Plan) -> dict[str, list[Figures]]:
    redis, nobody = connect(stand.valkey_url), connect(f"redis://{HOST}:{free_port()}/0")
    found: dict[str, list[Figures]] = {}
    try:
        works = _works(redis, nobody)
        for number in range(1, plan.rounds + 1):
            stand.say(f"limiter: round {number} of {plan.rounds}")
            figures = {name: await _measure(work, plan) for name, work in works.items()}
            figures["FallbackLimiter, the check that notices"] = await _noticing(nobody)
            for name, own in figures.items():
                beside = {**own, "of_ping": ratio(own, figures[_PING], "p50_us")}
                found.setdefault(name, []).append(beside)
    finally:
        await redis.aclose()
        await nobody.aclose()
    return found


def _works(redis: Redis, nobody: Redis) -> dict[str, Work]:
    limiters: dict[str, Limiter] = {"RedisLimiter": RedisLimiter(redis), "LocalLimiter": LocalLimiter()}
    works: dict[str, Work] = {_PING: redis.ping}
    for name, limiter in limiters.items():
        for count in (1, 2, 3):
            buckets = "bucket" if count == 1 else "buckets"
            works[f"{name}, {count} {buckets}"] = _checks(limiter, count)
    works["FallbackLimiter, 1 bucket"] = _checks(FallbackLimiter(redis, CollectorRegistry()), 1)
    works["FallbackLimiter, 1 bucket, Redis away"] = _checks(FallbackLimiter(nobody, CollectorRegistry()), 1)
    return works


def _checks(limiter: Limiter, count: int) -> Work:
    asked = itertools.cycle([_buckets(account, count) for account in range(_ACCOUNTS)])
    return lambda: limiter.check(next(asked))


def _buckets(account: int, count: int) -> Sequence[Bucket]:
    return [Bucket(f"kind-{kind}", f"kind-{kind}:{account}", _QUOTA, 60) for kind in range(count)]


async def _measure(work: Work, plan: Plan) -> Figures:
    await sample_async(work, plan.warm_up_seconds / 5)
    return summary(await sample_async(work, plan.short_seconds))


async def _noticing(nobody: Redis) -> Figures:
    """A new limiter each time: one that has noticed does not ask again for a second."""
    taken: list[float] = []
    for _ in range(_NOTICES):
        limiter = FallbackLimiter(nobody, CollectorRegistry())
        began = time.perf_counter()
        await limiter.check(_buckets(0, 1))
        taken.append((time.perf_counter() - began) * 1e6)
    return summary(taken)
