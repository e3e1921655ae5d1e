"""The one reader of the event log in a replica: it hands what is new to the replica's open streams.

Hints over Redis make it look at once, a poll five times a second makes it look all the same. While nobody
listens it does nothing.
"""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from redis.asyncio import Redis

from control_plane.db.engine import Database, SystemSite
from control_plane.errors import AppError, Code
from control_plane.events.hints import CHANNEL
from control_plane.events.places import Place
from control_plane.events.repository import FleetEvents, to_its_end
from control_plane.events.schemas import Wanted
from control_plane.events.subscription import GO_ON, Subscription
from control_plane.redis_map import REDIS_FAILURES

log = structlog.get_logger(__name__)

STREAMS_OF_A_TENANT = 50
_EVENTS_AT_ONCE = 500
_JOIN_SECONDS = 5.0
# Between two looks, so that a storm of hints is no storm of queries.
_REST_SECONDS = 0.02
_STOPPING = f"This replica is shutting down: {GO_ON}"


class Tail:
    def __init__(
        self,
        database: Database,
        redis: Redis,
        *,
        draining: Callable[[], bool] = lambda: False,
        poll_seconds: float = 0.2,
        streams_of_a_tenant: int = STREAMS_OF_A_TENANT,
    ) -> None:
        self._database = database
        self._redis = redis
        self._draining = draining
        self._poll_seconds = poll_seconds
        self._most = streams_of_a_tenant
        self._streams: dict[uuid.UUID, set[Subscription]] = {}
        self._occupied = asyncio.Event()
        self._wake = asyncio.Event()
        self._place: Place | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._failures = 0
        self.looks = 0

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._run(), name="event-tail"),
            asyncio.create_task(self._listen(), name="event-hints"),
        ]

    async def stop(self) -> None:
        self._end_streams()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def subscribe(self, tenant: uuid.UUID, wanted: Wanted) -> AsyncIterator[Subscription]:
        """What is committed after this has begun is offered; history that is read inside joins it gaplessly.

        For that it waits for a look that knew of it: the horizon of any later query is not below that look's.
        """
        self._admit(tenant)
        subscription = Subscription(wanted)
        self._streams.setdefault(tenant, set()).add(subscription)
        self._occupied.set()
        self._wake.set()
        try:
            await self._joined(subscription)
            yield subscription
        finally:
            streams = self._streams[tenant]
            streams.discard(subscription)
            if not streams:
                del self._streams[tenant]
            if not self._streams:
                self._occupied.clear()

    def _admit(self, tenant: uuid.UUID) -> None:
        if self._draining() or not self._tasks:
            raise _stopping()
        if len(self._streams.get(tenant, ())) >= self._most:
            raise AppError(
                Code.RATE_LIMITED,
                f"{self._most} streams of this account are open. Close one, or share one.",
                headers={"Retry-After": "5"},
            )

    @staticmethod
    async def _joined(subscription: Subscription) -> None:
        try:
            async with asyncio.timeout(_JOIN_SECONDS):
                await subscription.joined.wait()
        except TimeoutError:
            raise AppError(
                Code.DATABASE_UNAVAILABLE,
                "The event log does not answer at this moment. Try again.",
                headers={"Retry-After": "2"},
            ) from None

    async def _run(self) -> None:
        while True:
            if not self._occupied.is_set():
                self._place = None
                await self._occupied.wait()
            self._wake.clear()
            try:
                await to_its_end(self._look())
                self._failures = 0
            except Exception as error:
                self._failures += 1
                if self._failures == 1:
                    log.warning("event_tail_broken", error=type(error).__name__)
                await asyncio.sleep(random.uniform(0.1, 0.3) * min(2**self._failures, 8))
                continue
            await asyncio.sleep(_REST_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._wake.wait()

    async def _look(self) -> None:
        if self._draining():
            self._end_streams()
            return
        known = self._all_streams()
        self.looks += 1
        async with self._database.system(SystemSite.EVENT_TAIL) as session:
            events = FleetEvents(session)
            if self._place is None:
                self._place = await events.now()
            stretch = await events.after(self._place, _EVENTS_AT_ONCE, list(self._streams))
        for event in stretch.events:
            for subscription in self._streams.get(event.user_id, ()):
                subscription.offer(event)
        self._place = stretch.end
        for subscription in known:
            subscription.joined.set()
        if stretch.more:
            self._wake.set()

    async def _listen(self) -> None:
        while True:
            await self._occupied.wait()
            try:
                await self._hear()
            except REDIS_FAILURES:
                await asyncio.sleep(1)
            except Exception as error:
                log.warning("event_hints_broken", error=type(error).__name__)
                await asyncio.sleep(1)

    async def _hear(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as hints:
            await hints.subscribe(CHANNEL)
            while self._occupied.is_set():
                if await hints.get_message(timeout=1.0) is not None:
                    self._wake.set()

    def _end_streams(self) -> None:
        for subscription in self._all_streams():
            subscription.end(_stopping())
            subscription.joined.set()

    def _all_streams(self) -> list[Subscription]:
        return [subscription for streams in self._streams.values() for subscription in streams]


def _stopping() -> AppError:
    return AppError(Code.SHUTTING_DOWN, _STOPPING, headers={"Retry-After": "1"})
