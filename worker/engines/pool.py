"""The engine processes of one agent: which session lives in which, and what happens when one dies."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from worker.engines.lease_watch import LEASE_ENDS
from worker.engines.lease_watch import now as lease_clock
from worker.engines.process import EngineDied, EngineKind, EngineProcess, Heard
from worker.engines.suspicion import TOGETHER, Company, Suspicion
from worker.engines.words import Ping

log = logging.getLogger(__name__)

PAIRING: Company = -1


@dataclass(slots=True, eq=False)
class Engine:
    """`gone` is set after its death was looked into, so that whoever waits for it may be placed anew."""

    process: EngineProcess
    company: Company
    sessions: set[str] = field(default_factory=set)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    # Ended by us, so that its death is no news.
    dismissed: bool = False
    # It takes no more sessions, and ends when the last of them has left.
    worn: bool = False

    @property
    def usable(self) -> bool:
        return not self.process.died.is_set() and not self.gone.is_set()

    def has_room(self) -> bool:
        return self.usable and not self.worn and len(self.sessions) < self.process.kind.sessions_max


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    # So many processes of each network stand ready, for a pairing or after a crash.
    spares: int = 1
    ping_every: float = 5.0
    ping_patience: float = 30.0


Crashed = Callable[[Engine, frozenset[str]], None]


class EnginePool:
    """`crashed` is told of each death, and which sessions are given up for it."""

    def __init__(
        self, kinds: Mapping[str, EngineKind], heard: Heard, crashed: Crashed, options: PoolOptions
    ) -> None:
        self._kinds = kinds
        self._heard = heard
        self._crashed = crashed
        self._options = options
        self._suspicion = Suspicion()
        self._engines: list[Engine] = []
        self._spares: dict[str, list[EngineProcess]] = {network: [] for network in kinds}
        self._placing = {network: asyncio.Lock() for network in kinds}
        self._deadline = float("inf")
        # Each start takes a processor: more at once would only make the first ones wait for the last.
        self._starts = asyncio.Semaphore(max(2, os.cpu_count() or 2))
        # How many engines are being started for somebody who waits.
        self._wanted = 0
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def engines(self) -> tuple[Engine, ...]:
        return tuple(engine for engine in self._engines if engine.usable)

    def start(self) -> None:
        for network in self._kinds:
            self._in_a_task(self._keep_spares(network))
        self._in_a_task(self._look_for_those_that_hang())

    async def place(self, network: str, session: str) -> Engine:
        """An engine with room, in the company that the session may be in; EngineDied when none starts."""
        async with self._lock_of(network):
            company = self._suspicion.company(session, time.monotonic())
            engine = self._with_room(network, company) or await self._open(network, company)
            engine.sessions.add(session)
            return engine

    async def place_alone(self, network: str, session: str) -> Engine:
        """For a pairing, whose threads nobody can end but with the process. None waits for another."""
        self._check(network)
        engine = await self._open(network, PAIRING)
        engine.sessions.add(session)
        return engine

    def leave(self, engine: Engine, session: str) -> None:
        """An engine without sessions ends: what it has leaked goes with it."""
        engine.sessions.discard(session)
        if not engine.sessions:
            self.dismiss(engine)

    def dismiss(self, engine: Engine) -> None:
        engine.dismissed = True
        engine.process.kill()

    def wear_out(self) -> None:
        for engine in self._engines:
            engine.worn = True

    def forgive(self, session: str) -> None:
        self._suspicion.forget(session)

    def extend_lease(self, deadline: float) -> None:
        self._deadline = deadline
        for process in self.processes():
            process.extend_lease(deadline)

    async def close(self) -> None:
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for process in self.processes():
            process.kill()
            await process.died.wait()

    def _lock_of(self, network: str) -> asyncio.Lock:
        self._check(network)
        return self._placing[network]

    def _check(self, network: str) -> None:
        if network not in self._placing or self._closing:
            raise EngineDied(f"this worker runs no sessions of the {network} network")
        if lease_clock() >= self._deadline:
            raise EngineDied("this worker's lease is over")

    def _with_room(self, network: str, company: Company) -> Engine | None:
        """The fullest, so that few processes run; those of a company never take others in."""
        fitting = [
            engine
            for engine in self._engines
            if engine.process.kind.network == network and engine.company == company and engine.has_room()
        ]
        return max(fitting, key=lambda engine: len(engine.sessions), default=None)

    async def _open(self, network: str, company: Company) -> Engine:
        process = self._take_spare(network)
        if process is None:
            # Spares wait for those whom somebody waits for: a start takes most of a processor.
            self._wanted += 1
            try:
                process = await self._spawn(network)
            finally:
                self._wanted -= 1
            if not self._wanted:
                self._in_a_task(self._keep_spares(network))
        engine = Engine(process, company)
        self._engines.append(engine)
        self._in_a_task(self._mourn(engine))
        return engine

    async def _spawn(self, network: str) -> EngineProcess:
        async with self._starts:
            process = await EngineProcess.spawn(self._kinds[network], self._heard)
        process.extend_lease(self._deadline)
        return process

    def _take_spare(self, network: str) -> EngineProcess | None:
        spares = self._spares[network]
        while spares:
            process = spares.pop()
            if not process.died.is_set():
                self._in_a_task(self._keep_spares(network))
                return process
        return None

    async def _keep_spares(self, network: str) -> None:
        spares = self._spares[network]
        spares[:] = [process for process in spares if not process.died.is_set()]
        while len(spares) < self._options.spares and not self._wanted and not self._closing:
            try:
                spares.append(await self._spawn(network))
            except (EngineDied, OSError) as error:
                log.warning("engine_spare_not_started", extra={"fields": {"reason": str(error)}})
                return

    async def _mourn(self, engine: Engine) -> None:
        await engine.process.died.wait()
        self._engines.remove(engine)
        given_up: frozenset[str] = frozenset()
        if engine.sessions and not engine.dismissed:
            process, now = engine.process, time.monotonic()
            fields = {
                "engine": process.name,
                "exit_code": process.exit_code,
                "sessions": len(engine.sessions),
                "farewell": process.output.farewell,
            }
            log.error("engine_died", extra={"fields": fields})
            if engine.company != PAIRING and process.exit_code not in LEASE_ENDS:
                busy = {command.session for command in process.outstanding.values()}
                given_up = self._suspicion.died(engine.sessions, busy, now)
            self._crashed(engine, given_up)
        engine.gone.set()

    async def _look_for_those_that_hang(self) -> None:
        while True:
            await asyncio.sleep(self._options.ping_every)
            await asyncio.gather(*(self._ping(process) for process in self.processes()))

    async def _ping(self, process: EngineProcess) -> None:
        try:
            await process.ask(Ping(), self._options.ping_patience)
        except TimeoutError:
            process.output.note("did not answer and was killed")
            process.kill()
        except EngineDied:
            pass

    def processes(self) -> list[EngineProcess]:
        spares = (process for spares in self._spares.values() for process in spares)
        return [*(engine.process for engine in self._engines), *spares]

    def _in_a_task(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


__all__ = ["PAIRING", "TOGETHER", "Engine", "EnginePool", "PoolOptions"]
