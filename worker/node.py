"""A worker's own parts, put together: its folder, its spool, its engines and its files."""

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Self
from uuid import UUID

from shared.contracts.told import PASSING, Told
from shared.ids import SessionId
from worker.companions import companions
from worker.engines.credentials import StoredCredentials
from worker.engines.fleet import FleetOfEngines
from worker.engines.folder_lock import lock_engines
from worker.engines.kept_session import SessionTiming
from worker.engines.networks import REAL, SANDBOX, real_engines, sandbox_engines
from worker.engines.pool import PoolOptions
from worker.engines.process import EngineKind
from worker.engines.session_spec import SessionSpec
from worker.engines.store_watch import StoreWatch
from worker.files import Files
from worker.journal import Journal
from worker.media.shelf import Shelf
from worker.settings import NodeSettings
from worker.spool import Spool
from worker.whatsapp.stores import PostgresStore, SqliteStore, Store

Written = asyncio.Future[int]
Subscriber = Callable[[SessionSpec, Told], None]
# With the future of its position in the spool; None for what is told once and not kept.
Recorder = Callable[[SessionSpec, Told, Written | None], None]


class Node:
    """`async with Node(settings) as node`. FolderInUse when another worker has the folder."""

    def __init__(self, settings: NodeSettings, environment: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environment = os.environ if environment is None else environment
        self._stack = AsyncExitStack()
        self.subscribers: list[Subscriber] = []
        self.recorders: list[Recorder] = []
        self.spool = Spool(settings.data_dir / "spool.sqlite3")
        self.journal = Journal(settings.data_dir / "journal.sqlite3")
        self.store: Store = (
            PostgresStore(settings.store_url)
            if settings.store_url is not None
            else SqliteStore(settings.data_dir / "sessions")
        )
        self._credentials = StoredCredentials()
        self.engines: FleetOfEngines
        self.files: Files

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            lock = await lock_engines(self._settings.data_dir)
            stack.callback(os.close, lock)
            await stack.enter_async_context(self.spool)
            await stack.enter_async_context(self.journal)
            watch = StoreWatch(self.store) if isinstance(self.store, PostgresStore) else None
            if watch is not None:
                await stack.enter_async_context(companions(watch.run()))
            self.engines = FleetOfEngines(
                self._kinds(lock),
                self._heard,
                self._credentials,
                pool_options=PoolOptions(spares=self._settings.spare_engines),
                timing=SessionTiming(probe_every=self._settings.probe_seconds),
                store=watch,
            )
            await stack.enter_async_context(self.engines)
            self.files = Files(
                engines=self.engines,
                spool=self.spool,
                shelf=Shelf(self._settings.data_dir / "shelf"),
                storage=self._settings.storage(),
                ffmpeg=self._settings.converter(),
                tell=self._tell,
            )
            stack.push_async_callback(self.files.close)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def networks(self) -> tuple[str, ...]:
        return (REAL,) if self._settings.sandbox is None else (REAL, SANDBOX)

    def _kinds(self, lock: int) -> dict[str, EngineKind]:
        sessions_max, environment = self._settings.sessions_per_engine, self._environment
        kinds = {REAL: real_engines(environment, sessions_max, (lock,))}
        if self._settings.sandbox is not None:
            kinds[SANDBOX] = sandbox_engines(environment, self._settings.sandbox, sessions_max, (lock,))
        return kinds

    async def forget(self, spec: SessionSpec) -> None:
        """Its credentials; for a session that does not run."""
        await self._credentials.forget(spec)

    async def forget_files(self, session: str) -> None:
        """Of one that does not run; in the shared store others can do it."""
        if isinstance(self.store, SqliteStore):
            folder = self.store.session_folder(SessionId(UUID(session)))
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def tell(self, spec: SessionSpec, told: Told) -> None:
        """As if its client had told it."""
        self._heard(spec, told)

    def _heard(self, spec: SessionSpec, told: Told) -> None:
        # A code is worth nothing a minute later: it goes to whoever listens now.
        passing = isinstance(told, PASSING)
        written = None if passing else self.spool.append(spec.session, spec.epoch, told)
        self.files.heard(spec, told, written)
        self._publish(spec, told, written)

    def _tell(self, spec: SessionSpec, told: Told, settles: int | None) -> None:
        self._publish(spec, told, self.spool.append(spec.session, spec.epoch, told, settles=settles))

    def _publish(self, spec: SessionSpec, told: Told, written: Written | None) -> None:
        for recorder in self.recorders:
            recorder(spec, told, written)
        for subscriber in self.subscribers:
            subscriber(spec, told)
