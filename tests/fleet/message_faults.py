"""What befalls a running Waypost: its processes are killed hard, Redis is emptied, PostgreSQL restarts."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from deploy.local.postgres import EmbeddedPostgres
from tests.fleet.stage import Stage

Fault = Callable[[], Awaitable[None]]


class Faults:
    def __init__(self, fleet: Stage, postgres: EmbeddedPostgres, redis_url: str, seed: int) -> None:
        self._fleet = fleet
        self._postgres = postgres
        self._redis_url = redis_url
        self._chance = random.Random(seed)
        self.done: Counter[str] = Counter()
        self._kinds: dict[str, Fault] = {
            "worker": self._worker,
            "engine": self._engine,
            "api": self._api,
            "background": self._background,
            "redis": self._redis,
            "postgres": self._restart_postgres,
        }
        self._waiting: list[str] = []

    async def one(self) -> str:
        """Each kind comes as often as every other, in an order of chance."""
        if not self._waiting:
            self._waiting = list(self._kinds)
            self._chance.shuffle(self._waiting)
        kind = self._waiting.pop()
        await self._kinds[kind]()
        self.done[kind] += 1
        return kind

    def moment(self, messages: int) -> int:
        return self._chance.randint(1, max(1, messages - 1))

    async def _worker(self) -> None:
        name = self._chance.choice(sorted(self._fleet.workers))
        await self._fleet.workers[name].kill()
        await self._fleet.start_worker(name)

    async def _engine(self) -> None:
        engines = [pid for worker in self._fleet.workers.values() for pid in worker.children()]
        if engines:
            os.kill(self._chance.choice(sorted(engines)), signal.SIGKILL)

    async def _api(self) -> None:
        await self._fleet.api.kill()
        self._fleet.api = await self._fleet.start_api()

    async def _background(self) -> None:
        await self._fleet.background.kill()
        self._fleet.background = await self._fleet.start_background()

    async def _redis(self) -> None:
        async with Redis.from_url(self._redis_url) as client:
            await client.flushall()

    async def _restart_postgres(self) -> None:
        await asyncio.to_thread(self._postgres.stop)
        await asyncio.to_thread(self._postgres.start)
