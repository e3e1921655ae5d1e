"""All outboxes that this process holds: one drainer for each, renewed while it works."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from redis.asyncio import Redis

from control_plane.db.claim_loop import ClaimLoop
from control_plane.db.claims import Claim, Claims
from control_plane.db.engine import Database, SystemSite
from control_plane.events.hints import hint
from control_plane.fleet.worker_client import WorkerClient
from control_plane.messages.handing_over import HandingOver
from control_plane.messages.queue.drainer import Begun, Drainer
from control_plane.messages.queue.journals import Journals
from control_plane.messages.queue.models import Outbox
from control_plane.messages.queue.outcomes import Outcomes
from control_plane.messages.queue.repository import LEASE
from control_plane.messages.queue.sender import Sender
from control_plane.settings import Settings

_AT_ONCE = 200
_LAST_ANSWERS = 5.0


class Outboxes:
    """In the API, what was just accepted is begun here; in the background, whatever is due is claimed."""

    def __init__(self, sender: Sender, *, look_every: timedelta = timedelta(seconds=0.25)) -> None:
        self._sender = sender
        self._stopping = asyncio.Event()
        self.loop = ClaimLoop(
            "outbox",
            Claims(Outbox, lease=LEASE),
            self._drain,
            sender.database,
            SystemSite.SENDING,
            concurrency=_AT_ONCE,
            idle_seconds=look_every.total_seconds(),
        )

    @property
    def outcomes(self) -> Outcomes:
        return self._sender.outcomes

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def begin(self, claim: Claim, begun: Begun | None) -> None:
        self.loop.adopt(claim, lambda held: self._drain(held, begun))

    async def run(self, stopping: asyncio.Event) -> None:
        """Claims what is due, until `stopping`; then what is in flight is brought to its end."""
        watcher = asyncio.create_task(self._stop_at(stopping))
        try:
            await self.loop.run(stopping)
        finally:
            watcher.cancel()

    async def stop(self) -> None:
        """A message in flight has a moment to be answered; its worker's journal tells the next process."""
        self._stopping.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWERS):
                await self.loop.finished()

    async def _stop_at(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._stopping.set()

    async def _drain(self, claim: Claim, begun: Begun | None = None) -> None:
        await Drainer(self._sender, claim, self._stopping).run(begun)


def sender_of(
    settings: Settings, database: Database, redis: Redis, client: WorkerClient, handing_over: HandingOver
) -> Sender:
    return Sender(
        database=database,
        handing_over=handing_over,
        journals=Journals(database, client, settings.journal_patience_seconds),
        outcomes=Outcomes(database),
        bulk_seconds=settings.bulk_seconds,
        planned_seconds=60 / settings.session_messages_per_minute,
        hint=lambda: hint(redis),
    )
