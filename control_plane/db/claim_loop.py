"""Runs a handler over claimed rows: bounded, renewed while it works, retried with back-off, drained."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import structlog

from control_plane.db.claims import Claim, Claims
from control_plane.db.engine import Database, SystemSite

log = structlog.get_logger(__name__)

_LONGEST_BACK_OFF = timedelta(minutes=10)


class ClaimLostError(Exception):
    """Raised by a handler whose last guarded statement changed nothing."""


class ClaimLoop:
    """A nudge makes it look now; correctness never depends on one, because it looks by itself as well."""

    def __init__(
        self,
        name: str,
        claims: Claims,
        handle: Callable[[Claim], Awaitable[None]],
        database: Database,
        site: SystemSite,
        *,
        concurrency: int = 8,
        idle_seconds: float = 1.0,
    ) -> None:
        self.name = name
        self._claims = claims
        self._handle = handle
        self._database = database
        self._site = site
        self._concurrency = concurrency
        self._idle_seconds = idle_seconds
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def nudge(self) -> None:
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`; then what is in flight is brought to its end, and nothing new is claimed."""
        watcher = asyncio.create_task(self._wake_at(stopping))
        try:
            while not stopping.is_set():
                self._wake.clear()
                if not await self._take_some():
                    await self._rest()
        finally:
            watcher.cancel()
            if self._running:
                await asyncio.wait(self._running)

    def adopt(self, claim: Claim, handle: Callable[[Claim], Awaitable[None]]) -> None:
        """Work that was claimed elsewhere in this process: kept, retried and ended like all other."""
        self._begin(claim, handle)

    async def finished(self) -> None:
        """What is in flight is brought to its end."""
        while self._running:
            await asyncio.wait(self._running)

    async def _take_some(self) -> bool:
        free = self._concurrency - len(self._running)
        if free <= 0:
            return False
        try:
            async with self._database.system(self._site) as session:
                claimed = await self._claims.take(session, free)
        except Exception:
            log.exception("claiming_failed", loop=self.name)
            return False
        for claim in claimed:
            self._begin(claim, self._handle)
        return bool(claimed)

    def _begin(self, claim: Claim, handle: Callable[[Claim], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._work(claim, handle))
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _work(self, claim: Claim, handle: Callable[[Claim], Awaitable[None]]) -> None:
        work = asyncio.ensure_future(handle(claim))
        renewal = asyncio.create_task(self._keep(claim, work))
        try:
            await work
        except (ClaimLostError, asyncio.CancelledError):
            log.warning("claim_lost", loop=self.name, work=str(claim.id))
        except Exception:
            log.exception("claimed_work_failed", loop=self.name, work=str(claim.id), attempts=claim.attempts)
            await self._give_back(claim)
        finally:
            renewal.cancel()

    async def _keep(self, claim: Claim, work: asyncio.Future[None]) -> None:
        """Renews at a third of the lease; a claim that is lost ends the work, before it writes anything."""
        while True:
            await asyncio.sleep(self._claims.lease.total_seconds() / 3)
            try:
                async with self._database.system(self._site) as session:
                    held = await self._claims.renew(session, claim)
            except Exception:
                # The guard on the last write protects the row; the next renewal may get through.
                log.warning("claim_renewal_failed", loop=self.name, work=str(claim.id))
                continue
            if not held:
                work.cancel()
                return

    async def _give_back(self, claim: Claim) -> None:
        delay = min(_LONGEST_BACK_OFF, timedelta(seconds=2.0 ** min(claim.attempts, 10)))
        with suppress(Exception):  # the lease ends by itself when the database is away
            async with self._database.system(self._site) as session:
                await self._claims.postpone(session, claim, delay * random.uniform(0.5, 1.0))

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._idle_seconds * random.uniform(0.75, 1.25))

    async def _wake_at(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._wake.set()
