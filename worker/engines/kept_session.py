"""A session that is to run here: paired if need be, started, and started again whenever its engine dies."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from shared.contracts.told import Fenced, HistoryReceived, Meaning, Paired, StateSeen, Then, Told
from shared.session_state import Reason, SessionState
from worker.engines.credentials import Credentials
from worker.engines.history_wait import HistoryWait
from worker.engines.process import EngineDied
from worker.engines.session_spec import SessionSpec
from worker.engines.store_watch import StoreStanding
from worker.engines.words import Answer, Problem, SessionCommand, Start, Stop
from worker.whatsapp.port import NotConnected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from worker.engines.pool import Engine, EnginePool

log = logging.getLogger(__name__)

_S, _R = SessionState, Reason
PAIRING_DIED = Meaning(_S.AUTH_FAILED, _R.PAIRING_FAILED, Then.STOP, "its process ended; connect again")
CREDENTIALS_LOST = Meaning(_S.DISCONNECTED, _R.CREDENTIALS_LOST, Then.STOP)
STORE_AWAY = Meaning(_S.RECONNECTING, _R.STORE_AWAY, Then.GO_ON)
ENGINE_RESTARTED = Meaning(_S.RECOVERING, _R.ENGINE_RESTARTED, Then.GO_ON)
CLIENT_CRASHES = Meaning(_S.DISCONNECTED, _R.CLIENT_CRASHES, Then.STOP)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTiming:
    start_patience: float = 75.0
    stop_patience: float = 20.0
    # How long a command waits for a client that is being moved or restarted.
    command_patience: float = 5.0
    history_quiet: float = 60.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    probe_every: float = 30.0


class KeptSession:
    """Its task ends when the session is over: stopped by us, or ended in a way that must not be retried."""

    def __init__(
        self,
        spec: SessionSpec,
        *,
        pool: "EnginePool",
        timing: SessionTiming,
        starts: asyncio.Semaphore,
        tell: Callable[[SessionSpec, Told], None],
        credentials: Credentials,
        store: StoreStanding,
    ) -> None:
        self.spec = spec
        self._pool = pool
        self._timing = timing
        self._starts = starts
        self._tell = tell
        self._credentials = credentials
        self._store = store
        self._forgotten = False
        self._engine: Engine | None = None
        self._there = asyncio.Event()
        self._over = asyncio.Event()
        self._news = asyncio.Event()
        self._history = HistoryWait(timing.history_quiet)
        self._pause = timing.first_pause
        self.task = asyncio.create_task(self._keep(), name=f"session {spec.session}")

    async def ask(self, command: SessionCommand, within: float) -> Answer:
        """NotConnected when its client does not run, EngineDied when nobody knows what the command did."""
        try:
            async with asyncio.timeout(min(within, self._timing.command_patience)):
                await self._there.wait()
        except TimeoutError:
            raise NotConnected from None
        engine = self._engine
        # One that has died without having been mourned yet: nothing can have left.
        if engine is None or not engine.usable:
            raise NotConnected
        command = msgspec.structs.replace(command, session=self.spec.session)
        return await engine.process.ask(command, within)

    async def stop(self) -> None:
        """Keeps the credentials. Returns when its client is gone."""
        self._over.set()
        await self.task

    def heard(self, engine_of: object, told: Told) -> None:
        """From whichever engine runs it."""
        if self._engine is None or self._engine.process is not engine_of:
            return  # from one that it has left
        if isinstance(told, Paired):
            self.spec = replace(self.spec, device_jid=told.device_jid)
        elif isinstance(told, HistoryReceived):
            self._history.heard(told.kind, told.progress)
        self._tell(self.spec, told)
        if isinstance(told, StateSeen):
            self._state_seen(told.meaning)
        elif isinstance(told, Fenced):
            self._over.set()
        self._news.set()

    def engine_crashed(self, *, given_up: bool) -> None:
        self._there.clear()
        if self.spec.device_jid is None:
            self._end_with(PAIRING_DIED)
        elif given_up:
            self._end_with(CLIENT_CRASHES)
        else:
            self._tell(self.spec, StateSeen(meaning=ENGINE_RESTARTED))

    def _state_seen(self, meaning: Meaning) -> None:
        if meaning.state is SessionState.CONNECTED:
            self._history.connected()
            self._pause = self._timing.first_pause
        if meaning.then is not Then.GO_ON:
            self._forgotten = meaning.then is Then.FORGET
            self._over.set()

    def _end_with(self, meaning: Meaning) -> None:
        self._over.set()
        self._tell(self.spec, StateSeen(meaning=meaning))

    async def _keep(self) -> None:
        while not self._over.is_set():
            try:
                await self._run_once()
            except (EngineDied, OSError) as error:
                log.warning(
                    "session_not_started", extra={"fields": {"session": self.spec.session, "why": str(error)}}
                )
                await self._wait_before_the_next_try()

    async def _run_once(self) -> None:
        pairing = self.spec.device_jid is None
        if self._lacks_its_store() and not await self._store_is_back():
            return
        if not pairing and not await self._credentials.has(self.spec):
            self._end_with(CREDENTIALS_LOST)
            return
        async with self._placed(alone=pairing) as engine:
            if not await self._started(engine):
                return
            self._there.set()
            await self._until(engine, pairing=pairing)
            if self._lacks_its_store() and not self._over.is_set():
                self._tell(self.spec, StateSeen(meaning=STORE_AWAY))
            await self._stop_client(engine, whole_process=pairing)
        if self._forgotten:
            await self._credentials.forget(self.spec)

    @asynccontextmanager
    async def _placed(self, *, alone: bool) -> "AsyncIterator[Engine]":
        network, session = self.spec.network, self.spec.session
        place = self._pool.place_alone if alone else self._pool.place
        engine = self._engine = await place(network, session)
        try:
            yield engine
        finally:
            self._there.clear()
            self._engine = None
            self._pool.leave(engine, session)

    async def _started(self, engine: "Engine") -> bool:
        spec = self.spec
        start = Start(
            session=spec.session,
            epoch=spec.epoch,
            address=spec.address,
            device_jid=spec.device_jid,
            device_name=spec.device_name,
            proxy=spec.proxy,
            probe_every=self._timing.probe_every,
        )
        try:
            async with self._starts:
                answer = await engine.process.ask(start, self._timing.start_patience)
        except TimeoutError:
            # It hangs in the library, with whatever else runs there.
            engine.process.kill()
            await engine.gone.wait()
            return False
        except EngineDied:
            await engine.gone.wait()
            return False
        if answer.problem is None:
            return True
        await self._not_started(answer)
        return False

    async def _not_started(self, answer: Answer) -> None:
        """The library itself does not retry a first connect."""
        if self.spec.device_jid is None:
            self._end_with(Meaning(_S.AUTH_FAILED, _R.PAIRING_FAILED, Then.STOP, answer.words[:200]))
            return
        reason = _R.NETWORK_UNAVAILABLE if answer.problem is Problem.REFUSED else _R.CONNECTION_LOST
        meaning = Meaning(_S.RECONNECTING, reason, Then.GO_ON, answer.words[:200])
        self._tell(self.spec, StateSeen(meaning=meaning))
        await self._wait_before_the_next_try()

    async def _store_is_back(self) -> bool:
        """False when the session was over before that."""
        await first_of(self._store.there, self._over)
        return not self._over.is_set()

    async def _wait_before_the_next_try(self) -> None:
        """Longer each time, and never at the same moment as all others."""
        pause = self._pause * random.uniform(0.5, 1.0)
        self._pause = min(self._pause * 2, self._timing.longest_pause)
        try:
            async with asyncio.timeout(pause):
                await self._over.wait()
        except TimeoutError:
            pass

    async def _until(self, engine: "Engine", *, pairing: bool) -> None:
        """The engine is gone, or the session over; a pairing has had its time, or the store is away."""
        while not (engine.gone.is_set() or self._over.is_set() or self._lacks_its_store()):
            left = self._history.remaining() if pairing else None
            if left is not None and left <= 0:
                return
            self._news.clear()
            # Who still shows its code needs no store, and a new client would need a new code.
            away = [self._store.away] if self.spec.device_jid is not None else []
            await first_of(engine.gone, self._over, self._news, *away, within=left)

    def _lacks_its_store(self) -> bool:
        return self._store.away.is_set() and self.spec.device_jid is not None

    async def _stop_client(self, engine: "Engine", *, whole_process: bool) -> None:
        """In order, so that it leaves nothing half done; what was never paired knows no order."""
        self._there.clear()
        if not engine.usable:
            return
        if self.spec.device_jid is not None:
            try:
                await engine.process.ask(Stop(session=self.spec.session), self._timing.stop_patience)
            except TimeoutError:
                whole_process = True
            except EngineDied:
                return
        if whole_process:
            self._pool.dismiss(engine)
            await engine.gone.wait()


async def first_of(*events: asyncio.Event, within: float | None = None) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
