"""Where each session runs, as a map in Redis that may be emptied or away, and comes back by itself."""

import uuid
from collections.abc import Iterable
from typing import Any

import msgspec
from redis.asyncio import Redis

from control_plane.redis_map import REDIS_FAILURES, Breaker

# While this is there, the map is whole.
_WHOLE = "waypost:routes:whole"
_ROUTE, _WORKER = "waypost:route:", "waypost:worker:"
# Longer than a reconciliation is apart: what nobody writes again is gone.
_KEPT = 900
_AT_ONCE = 500
# A late writer must not put an older owner over a newer one.
_PUT = """
local known = redis.call('HGET', KEYS[1], 'epoch')
if known and tonumber(known) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'route', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


def _text(key: bytes | str) -> str:
    return key.decode() if isinstance(key, bytes) else key


class Route(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    session_id: str
    epoch: int
    status: str
    worker_id: str | None
    endpoint: str = ""
    incarnation: int = 0
    token_key_id: str = ""


class Routes:
    """Every method has an answer for a Redis that is away: nothing is known, nothing was written."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._breaker = Breaker()
        self._put_script = redis.register_script(_PUT)

    async def route(self, session_id: uuid.UUID) -> Route | None:
        raw = await self._ask(self._redis.hget(f"{_ROUTE}{session_id}", "route"))
        return msgspec.json.decode(raw, type=Route) if raw else None

    async def worker(self, worker_id: str) -> dict[str, Any] | None:
        raw = await self._ask(self._redis.get(f"{_WORKER}{worker_id}"))
        return msgspec.json.decode(raw) if raw else None

    async def is_whole(self) -> bool:
        return bool(await self._ask(self._redis.exists(_WHOLE)))

    async def put(self, routes: Iterable[Route], *, whole: bool = False) -> bool:
        """`whole`: these are all there are."""
        waiting = list(routes)
        for some in (waiting[at : at + _AT_ONCE] for at in range(0, len(waiting), _AT_ONCE)):
            async with self._redis.pipeline(transaction=False) as pipe:
                for route in some:
                    await self._put_script(
                        keys=[f"{_ROUTE}{route.session_id}"],
                        args=[route.epoch, msgspec.json.encode(route), _KEPT],
                        client=pipe,
                    )
                if await self._ask(pipe.execute()) is None:
                    return False
        if whole:
            return await self._ask(self._redis.set(_WHOLE, "1", ex=_KEPT)) is not None
        return True

    async def clear_but(self, sessions: set[str]) -> int:
        """How many routes of sessions that are gone were dropped."""
        if self._breaker.open:
            return 0
        try:
            gone = [
                key
                async for key in self._redis.scan_iter(match=f"{_ROUTE}*", count=1_000)
                if _text(key).removeprefix(_ROUTE) not in sessions
            ]
            for at in range(0, len(gone), _AT_ONCE):
                await self._redis.unlink(*gone[at : at + _AT_ONCE])
        except REDIS_FAILURES:
            self._breaker.failed()
            return 0
        return len(gone)

    async def put_workers(self, loads: dict[str, dict[str, Any]]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for worker_id, load in loads.items():
                pipe.set(f"{_WORKER}{worker_id}", msgspec.json.encode(load), ex=_KEPT)
            await self._ask(pipe.execute())

    async def _ask(self, call: Any) -> Any:
        if self._breaker.open:
            call.close()
            return None
        try:
            return await call
        except REDIS_FAILURES:
            self._breaker.failed()
            return None
