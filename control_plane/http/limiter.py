"""How often something may happen: GCRA in Redis, and the same rule in memory while Redis is away."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from control_plane.http.together import Together
from control_plane.redis_map import REDIS_FAILURES, Breaker

log = structlog.get_logger(__name__)

_SCRIPT = (Path(__file__).parent / "limiter.lua").read_text()
_MICROSECONDS = 1_000_000
_LOCAL_BUCKETS = 50_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """`quota` requests for each `window` seconds, evenly refilled; the whole quota may come at once."""

    name: str
    key: str
    quota: int
    window: float

    @property
    def interval_us(self) -> int:
        return max(1, round(self.window * _MICROSECONDS / self.quota))


@dataclass(frozen=True, slots=True)
class Verdict:
    bucket: Bucket
    allowed: bool
    remaining: int
    retry_after: float
    reset: float


class Limiter(Protocol):
    async def check(self, buckets: Sequence[Bucket]) -> list[Verdict]: ...


class LocalLimiter:
    """For one process, bounded: the bucket that was used longest ago makes room."""

    def __init__(self) -> None:
        self._arrivals: OrderedDict[str, int] = OrderedDict()

    async def check(self, buckets: Sequence[Bucket]) -> list[Verdict]:
        return self.check_now(buckets, time.monotonic_ns() // 1000)

    def check_now(self, buckets: Sequence[Bucket], now_us: int) -> list[Verdict]:
        arrivals = [max(self._arrivals.get(bucket.key, now_us), now_us) for bucket in buckets]
        waits = [
            arrival + bucket.interval_us - bucket.quota * bucket.interval_us - now_us
            for bucket, arrival in zip(buckets, arrivals, strict=True)
        ]
        if all(wait <= 0 for wait in waits):
            for position, bucket in enumerate(buckets):
                arrivals[position] += bucket.interval_us
                self._arrivals[bucket.key] = arrivals[position]
                self._arrivals.move_to_end(bucket.key)
            while len(self._arrivals) > _LOCAL_BUCKETS:
                self._arrivals.popitem(last=False)
        return [
            _verdict(bucket, wait <= 0, max(0, wait), arrival - now_us)
            for bucket, arrival, wait in zip(buckets, arrivals, waits, strict=True)
        ]


class RedisLimiter:
    """Calls the script by its hash itself: the client's own wrapper costs half as much again per check."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._together = Together(redis)
        # The hash is Redis's name for a script; nothing is kept secret by it.
        self._hash = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

    async def check(self, buckets: Sequence[Bucket]) -> list[Verdict]:
        keys = [f"limit:{bucket.key}" for bucket in buckets]
        arguments: list[Any] = [len(buckets), *keys]
        for bucket in buckets:
            arguments += (bucket.interval_us, bucket.quota)
        try:
            answers: Any = await self._together.ask("EVALSHA", self._hash, *arguments)
        except NoScriptError:  # a new or a flushed server
            answers = await self._redis.eval(_SCRIPT, *arguments)
        return [
            Verdict(bucket, bool(allowed), remaining, wait / _MICROSECONDS, used / _MICROSECONDS)
            for bucket, (allowed, remaining, wait, used) in zip(buckets, answers, strict=True)
        ]


class FallbackLimiter:
    """Redis while it answers; otherwise each replica limits for itself, and says so in a counter."""

    def __init__(self, redis: Redis, registry: CollectorRegistry) -> None:
        self._redis = RedisLimiter(redis)
        self._local = LocalLimiter()
        self._breaker = Breaker()
        self._fallbacks = Counter(
            "waypost_rate_limit_fallbacks",
            "Checks that were answered by this replica alone because Redis did not answer",
            registry=registry,
        )

    async def check(self, buckets: Sequence[Bucket]) -> list[Verdict]:
        if not self._breaker.open:
            try:
                return await self._redis.check(buckets)
            except REDIS_FAILURES as error:
                self._breaker.failed()
                log.warning("rate_limit_fell_back", error=type(error).__name__)
        self._fallbacks.inc()
        return await self._local.check(buckets)


def _verdict(bucket: Bucket, allowed: bool, wait_us: int, used_us: int) -> Verdict:
    used_us = max(0, used_us)
    remaining = max(0, (bucket.quota * bucket.interval_us - used_us) // bucket.interval_us)
    return Verdict(bucket, allowed, remaining, wait_us / _MICROSECONDS, used_us / _MICROSECONDS)
