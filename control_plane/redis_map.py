"""The connection to Redis, which is a map that may be away: every caller has an answer for that."""

import time

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

REDIS_FAILURES = (RedisError, OSError, TimeoutError)


def connect(url: str) -> "Redis":
    """Short time-outs and no retries: a slow map is worse than none, and callers fall back by themselves."""
    return Redis.from_url(
        url,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        max_connections=256,
    )


class Breaker:
    """After a failure nobody asks Redis for a moment, so that its absence costs no request a time-out."""

    def __init__(self, rest_seconds: float = 1.0) -> None:
        self._rest_seconds = rest_seconds
        self._closed_at = 0.0

    @property
    def open(self) -> bool:
        """True while Redis should not be asked."""
        return time.monotonic() < self._closed_at

    def failed(self) -> None:
        self._closed_at = time.monotonic() + self._rest_seconds
