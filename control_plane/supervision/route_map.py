"""Keeps the map of routes like the tables: what has changed each second, all of it now and then."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.models import Worker
from control_plane.fleet.repository import FleetRepository
from control_plane.fleet.routing import Route, Routes
from control_plane.sessions.models import Session
from control_plane.sessions.repository import SupervisedSessions

log = structlog.get_logger(__name__)

_LOOK_EVERY = 1.0
_WHOLE_EVERY = 300.0
# A transaction may commit so much later than the time that it wrote.
_OVERLAP = timedelta(seconds=10)


class RouteMap:
    def __init__(self, database: Database, routes: Routes) -> None:
        self.name = "route-map"
        self._database = database
        self._routes = routes
        self._since: datetime | None = None
        self._whole_at = float("-inf")

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self.look()
            except Exception as error:
                log.warning("route_map_failed", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LOOK_EVERY)

    async def look(self) -> None:
        whole = not await self._routes.is_whole() or time.monotonic() - self._whole_at > _WHOLE_EVERY
        async with self._database.system(SystemSite.SUPERVISION) as db:
            fleet = FleetRepository(db)
            now = await fleet.now()
            workers = {worker.id: worker for worker in await fleet.workers()}
            since = None if whole or self._since is None else self._since - _OVERLAP
            sessions = await SupervisedSessions(db).changed(since)
        written = await self._routes.put(routes_of(sessions, workers), whole=whole)
        await self._routes.put_workers({worker.id: load_of(worker) for worker in workers.values()})
        if written:
            self._since = now
            if whole:
                self._whole_at = time.monotonic()
                log.info("route_map_rebuilt", sessions=len(sessions))


def routes_of(sessions: Sequence[Session], workers: Mapping[str, Worker]) -> list[Route]:
    return [route_of(session, workers.get(session.worker_id or "")) for session in sessions]


def route_of(session: Session, worker: Worker | None) -> Route:
    gone = worker is None or worker.retired_at is not None
    return Route(
        session_id=str(session.id),
        epoch=session.epoch,
        status=session.status,
        worker_id=None if worker is None or gone else worker.id,
        endpoint="" if worker is None or gone else worker.endpoint,
        incarnation=0 if worker is None else worker.incarnation,
        token_key_id="" if worker is None else worker.token_key_id,
    )


def load_of(worker: Worker) -> dict[str, object]:
    return {
        "cpu": worker.cpu,
        "memory": worker.memory,
        "capacity": worker.room,
        "counts": worker.counts,
        "draining": worker.draining,
        "retired": worker.retired_at is not None,
    }
