"""Everything WhatsApp that runs on this worker: sessions by id, in engines that may die without us."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Self

from shared.contracts.messages import Sent
from shared.contracts.told import Told
from worker.engines.credentials import Credentials
from worker.engines.kept_session import KeptSession, SessionTiming
from worker.engines.pool import Engine, EnginePool, PoolOptions
from worker.engines.process import EngineDied, EngineKind, EngineProcess
from worker.engines.session_spec import SessionSpec
from worker.engines.store_watch import AlwaysThere, StoreStanding
from worker.engines.words import Answer, Event, LogOut, Problem, Send, SessionCommand
from worker.whatsapp.port import Gone, Limited, NotConnected, Refused, Silent, StoreAway, Uncertain

_COMMAND_PATIENCE = 90.0
_PROBLEMS: Mapping[Problem, type[Exception]] = {
    Problem.REFUSED: Refused,
    Problem.SILENT: Silent,
    Problem.STORE_AWAY: StoreAway,
    Problem.LIMITED: Limited,
    Problem.UNCERTAIN: Uncertain,
    Problem.GONE: Gone,
    Problem.FAILED: Refused,
}


class FleetOfEngines:
    """`listener` hears what the sessions tell, in the order of each; it must not wait."""

    def __init__(
        self,
        kinds: Mapping[str, EngineKind],
        listener: Callable[[SessionSpec, Told], None],
        credentials: Credentials,
        *,
        pool_options: PoolOptions | None = None,
        timing: SessionTiming | None = None,
        store: StoreStanding | None = None,
        starts_at_once: int = 10,
    ) -> None:
        self._listener = listener
        self._credentials = credentials
        self._store = store or AlwaysThere()
        self._timing = timing or SessionTiming()
        self._starts = asyncio.Semaphore(starts_at_once)
        self._sessions: dict[str, KeptSession] = {}
        self.pool = EnginePool(kinds, self._heard, self._crashed, pool_options or PoolOptions())

    async def __aenter__(self) -> Self:
        self.pool.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(self.stop(session) for session in list(self._sessions)))
        await self.pool.close()

    @property
    def sessions(self) -> tuple[str, ...]:
        return tuple(self._sessions)

    def spec_of(self, session: str) -> SessionSpec | None:
        """With the device that a pairing has made."""
        kept = self._sessions.get(session)
        return kept.spec if kept is not None else None

    def start(self, spec: SessionSpec) -> None:
        """Returns at once; what becomes of it is told. A session that runs already must be stopped before."""
        if spec.session in self._sessions:
            raise Refused("this session runs here already")
        self.pool.forgive(spec.session)
        kept = KeptSession(
            spec,
            pool=self.pool,
            timing=self._timing,
            starts=self._starts,
            tell=self._listener,
            credentials=self._credentials,
            store=self._store,
        )
        self._sessions[spec.session] = kept
        kept.task.add_done_callback(lambda _: self._forget(kept))

    async def stop(self, session: str) -> None:
        kept = self._sessions.get(session)
        if kept is not None:
            await kept.stop()

    async def ask(self, session: str, command: SessionCommand, within: float = _COMMAND_PATIENCE) -> Answer:
        """The exceptions of the port; Uncertain only where a message may have left."""
        kept = self._sessions.get(session)
        if kept is None:
            raise NotConnected
        try:
            answer = await kept.ask(command, within)
        except (EngineDied, TimeoutError) as error:
            if isinstance(command, Send):
                raise Uncertain(str(error) or "the engine did not answer in time") from error
            raise NotConnected from error
        if answer.problem is Problem.NOT_CONNECTED:
            raise NotConnected
        if answer.problem is not None:
            raise _PROBLEMS[answer.problem](answer.words)
        return answer

    async def send(self, session: str, command: Send) -> Sent:
        answer = await self.ask(session, command)
        if answer.sent is None:
            raise Refused("the engine answered without an id")
        return answer.sent

    async def log_out(self, session: str) -> None:
        """On the phone as well; the session is over then, and its credentials are gone."""
        await self.ask(session, LogOut())

    def extend_lease(self, deadline: float) -> None:
        self.pool.extend_lease(deadline)

    def _heard(self, process: EngineProcess, event: Event) -> None:
        kept = self._sessions.get(event.session)
        if kept is not None and kept.spec.epoch == event.epoch:
            kept.heard(process, event.told)

    def _crashed(self, engine: Engine, given_up: frozenset[str]) -> None:
        for session in engine.sessions:
            kept = self._sessions.get(session)
            if kept is not None:
                kept.engine_crashed(given_up=session in given_up)

    def _forget(self, kept: KeptSession) -> None:
        if self._sessions.get(kept.spec.session) is kept:
            del self._sessions[kept.spec.session]
