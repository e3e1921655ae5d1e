"""A word over Redis that there are new events; who misses it sees them at the next look."""

import asyncio
from contextlib import suppress
from weakref import WeakKeyDictionary

from redis.asyncio import Redis

from control_plane.redis_map import REDIS_FAILURES

CHANNEL = "waypost:events"

# One message on its way for each client: a Redis that is away costs one task, not one for each event.
_underway: WeakKeyDictionary[Redis, "_Saying"] = WeakKeyDictionary()


class _Saying:
    def __init__(self, redis: Redis) -> None:
        self.again = False
        self.task = asyncio.create_task(self._say(redis), name="event-hint")

    async def _say(self, redis: Redis) -> None:
        try:
            with suppress(*REDIS_FAILURES):
                await redis.publish(CHANNEL, b"")
                while self.again:
                    self.again = False
                    await redis.publish(CHANNEL, b"")
        finally:
            _underway.pop(redis, None)


def hint(redis: Redis) -> None:
    """After the commit that appended events. It neither waits nor fails."""
    saying = _underway.get(redis)
    if saying is None:
        _underway[redis] = _Saying(redis)
    else:
        saying.again = True
