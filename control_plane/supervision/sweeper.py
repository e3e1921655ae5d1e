"""Looks for workers that have gone silent. When most of a fleet is, it waits: that is a network."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.repository import FleetRepository
from control_plane.supervision.assignment import is_live
from control_plane.supervision.recovery import place_orphans, take_over

log = structlog.get_logger(__name__)


def braked_until(
    beats: Sequence[datetime], now: datetime, *, silence: timedelta, patience: timedelta
) -> datetime:
    """Until when nothing moves, because most workers fell silent together; a time gone by where they did not.

    Counted from missed beats, for leases end up to a beat apart, and from the rows alone, so that every
    sweeper comes to the same answer and none remembers a silence that is healed. Those that are proven dead
    are no longer among these.
    """
    silent = sorted(beat + silence for beat in beats if beat + silence <= now)
    if len(silent) <= 1 or len(silent) * 2 <= len(beats):
        return now - patience
    most = len(beats) // 2  # this one made them most of the fleet
    return silent[most] + patience


class Sweeper:
    """Any number may run: each takes the worker's lock and looks again."""

    def __init__(
        self, database: Database, *, lease_seconds: float, brake_seconds: float, look_every: float = 1.0
    ) -> None:
        self.name = "sweeper"
        self._database = database
        # Three beats that did not come; the lease is five.
        self._silence = timedelta(seconds=lease_seconds * 0.6)
        self._patience = timedelta(seconds=brake_seconds)
        self._alarmed = False
        # Beats could not arrive while nobody was there to hear them.
        self._first_look = time.monotonic() + lease_seconds
        self._look_every = look_every

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self.look()
            except Exception as error:
                log.warning("sweep_failed", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), self._look_every)

    async def look(self) -> None:
        async with self._database.system(SystemSite.SUPERVISION) as db:
            fleet = FleetRepository(db)
            now = await fleet.now()
            workers = [worker for worker in await fleet.workers() if worker.retired_at is None]
            silent = [
                (worker.id, worker.incarnation)
                for worker in workers
                if worker.lease_until is not None and not is_live(worker, now)
            ]
        beats = [worker.heartbeat_at for worker in workers if worker.heartbeat_at is not None]
        until = braked_until(beats, now, silence=self._silence, patience=self._patience)
        self._alarm(braked=now < until, silent=len(silent), workers=len(workers))
        if now >= until and time.monotonic() >= self._first_look:
            for worker_id, incarnation in silent:
                async with self._database.system(SystemSite.SUPERVISION) as db:
                    await take_over(db, worker_id, incarnation, "its lease ended", proven=False)
        async with self._database.system(SystemSite.SUPERVISION) as db:
            await place_orphans(db)

    def _alarm(self, *, braked: bool, silent: int, workers: int) -> None:
        """Once for each time."""
        if braked and not self._alarmed:
            waits = self._patience.total_seconds()
            log.error("most_workers_are_silent", silent=silent, workers=workers, waits=waits)
        self._alarmed = braked
