"""Delivers to the endpoints of all accounts; any number of processes do so side by side."""

import asyncio
import random
import uuid
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from control_plane.db.engine import Database
from control_plane.egress.gate import Egress
from control_plane.events.hints import CHANNEL, hint
from control_plane.events.repository import to_its_end
from control_plane.redis_map import REDIS_FAILURES
from control_plane.webhooks.dispatch.attempt import Post
from control_plane.webhooks.dispatch.breakers import Host
from control_plane.webhooks.dispatch.courier import Courier
from control_plane.webhooks.dispatch.crew import Crew
from control_plane.webhooks.dispatch.figures import Figures
from control_plane.webhooks.dispatch.herald import Herald
from control_plane.webhooks.dispatch.ledger import Ledger
from control_plane.webhooks.dispatch.letters import Letters
from control_plane.webhooks.dispatch.repository import LEASE
from control_plane.webhooks.secrets import Secrets

log = structlog.get_logger(__name__)

_MOST_HELD = 2000
_SWEEP_SECONDS = 5.0
# Between two looks, so that a storm of hints is no storm of queries.
_REST_SECONDS = 0.02
_LAST_ANSWERS = 5.0


def wall_clock() -> datetime:
    return datetime.now(UTC)


class Dispatcher:
    name = "webhooks"

    def __init__(
        self,
        database: Database,
        redis: Redis,
        egress: Egress,
        keys: Secrets,
        *,
        now: Callable[[], datetime] = wall_clock,
        registry: CollectorRegistry | None = None,
        lease: timedelta = LEASE,
        look_every: timedelta = timedelta(seconds=0.25),
        linger: timedelta = timedelta(seconds=10),
        clock_every: timedelta = timedelta(seconds=1),
    ) -> None:
        self._redis = redis
        self._lease = lease
        self._look_seconds = look_every.total_seconds()
        self._wake = asyncio.Event()
        self._couriers: dict[uuid.UUID, Courier] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._crew = Crew(
            database=database,
            post=Post(egress, keys, now),
            letters=Letters(database),
            ledger=Ledger(database, lambda: hint(redis)),
            now=now,
            closed=self._closed,
            figures=Figures(registry),
            linger_seconds=linger.total_seconds(),
            look_seconds=clock_every.total_seconds(),
        )
        self._herald = Herald(database, now, self._couriers.values, lease=lease, most_held=_MOST_HELD)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`; then what is in flight has a moment to end, and all is given back."""
        looking = [
            asyncio.create_task(_again("look", self._look, self._rest)),
            asyncio.create_task(_again("sweep", self._herald.find_behind, _pause)),
            asyncio.create_task(self._listen()),
        ]
        keeping = [
            asyncio.create_task(_again("renewal", self._herald.renew, self._until_renewal)),
            asyncio.create_task(self._crew.ledger.run()),
        ]
        try:
            await stopping.wait()
            for courier in self._couriers.values():
                courier.halt()
            await _end(looking)
            await asyncio.gather(*(courier.landing(_LAST_ANSWERS) for courier in self._couriers.values()))
            await self._crew.ledger.flush()
            await self._give_all_back()
        finally:
            for courier in self._couriers.values():
                courier.lost()
            await _end([*looking, *keeping, *self._running])

    async def _look(self) -> None:
        taken, more = await to_its_end(self._herald.look())
        for endpoint in taken:
            courier = self._couriers[endpoint.id] = Courier(self._crew, endpoint)
            task = asyncio.create_task(self._run(courier), name="webhook")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        self._crew.figures.held.set(len(self._couriers))
        self._crew.figures.breakers.set(self._crew.breakers.open)
        if more:
            self._wake.set()

    async def _run(self, courier: Courier) -> None:
        try:
            await courier.run()
        except Exception:
            log.exception("webhook_courier_broken", webhook=str(courier.endpoint.id))
            courier.lost()
        finally:
            # It may have been taken again meanwhile.
            if self._couriers.get(courier.endpoint.id) is courier and not courier.is_stopped:
                del self._couriers[courier.endpoint.id]

    async def _give_all_back(self) -> None:
        for courier in self._couriers.values():
            with suppress(Exception):  # the lease ends by itself when the database is away
                await courier.let_go()

    async def _rest(self) -> None:
        await asyncio.sleep(_REST_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._look_seconds * random.uniform(0.75, 1.25)):
                await self._wake.wait()
        self._wake.clear()

    async def _until_renewal(self) -> None:
        await asyncio.sleep(self._lease.total_seconds() / 3)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as hints:
                    await hints.subscribe(CHANNEL)
                    while True:
                        if await hints.get_message(timeout=1.0) is not None:
                            self._wake.set()
            except REDIS_FAILURES:
                await asyncio.sleep(1)
            except Exception as error:
                log.warning("webhook_hints_broken", error=type(error).__name__)
                await asyncio.sleep(1)

    def _closed(self, host: Host) -> None:
        for courier in self._couriers.values():
            if courier.endpoint.host == host:
                courier.wake()


async def _again(
    name: str, work: Callable[[], Coroutine[Any, Any, None]], pause: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    while True:
        try:
            await work()
        except Exception as error:
            log.warning("webhook_loop_failed", loop=name, error=type(error).__name__)
            await asyncio.sleep(random.uniform(0.2, 0.6))
        await pause()


async def _pause() -> None:
    await asyncio.sleep(_SWEEP_SECONDS * random.uniform(0.75, 1.25))


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
