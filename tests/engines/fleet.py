"""A worker's fleet of engines under test, with what its sessions told."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from shared.contracts.messages import OutgoingMessage, Sent, Text
from shared.contracts.told import Meaning, MessageReceived, Paired, QrShown, StateSeen, Told
from shared.ids import Epoch, SessionId, new_uuid
from shared.session_state import Reason, SessionState
from tests.waiting import until
from worker.engines.credentials import StoredCredentials
from worker.engines.fleet import FleetOfEngines
from worker.engines.kept_session import SessionTiming
from worker.engines.networks import SANDBOX, SandboxSettings, sandbox_engines
from worker.engines.pool import PoolOptions
from worker.engines.session_spec import SessionSpec
from worker.engines.words import Send
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.whatsapp.stores import SqliteStore, Store

Kind = TypeVar("Kind", bound=Told)
PATIENCE = 40


class Fleet:
    def __init__(self, sandbox: Sandbox, folder: Path, **options: Any) -> None:
        self._folder = folder
        self._told: list[tuple[str, Told]] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        settings = SandboxSettings(
            proxy=sandbox.proxy, certificate=sandbox.certificate, root_key=sandbox.root_key.public
        )
        sessions_max = options.pop("sessions_max", 50)
        timing = SessionTiming(**{"history_quiet": 0.2, "first_pause": 0.1} | options.pop("timing", {}))
        pool_options = PoolOptions(**{"spares": 0} | options.pop("pool", {}))
        self.engines = FleetOfEngines(
            {SANDBOX: sandbox_engines(os.environ, settings, sessions_max)},
            self._heard,
            options.pop("credentials", StoredCredentials()),
            timing=timing,
            pool_options=pool_options,
            **options,
        )

    def spec(self, store: Store | None = None, device_jid: str | None = None, epoch: int = 1) -> SessionSpec:
        return SessionSpec(
            session_id=SessionId(new_uuid()),
            epoch=Epoch(epoch),
            network=SANDBOX,
            store=store or SqliteStore(self._folder / "sessions"),
            device_jid=device_jid,
            device_name="Waypost test",
        )

    async def pair(self, phone: Phone, spec: SessionSpec | None = None) -> SessionSpec:
        """To a connected session in an ordinary engine."""
        spec = spec or self.spec()
        self.engines.start(spec)
        await phone.scan((await self.told(spec, QrShown)).code)
        await self.told(spec, Paired)
        await self.state(spec, SessionState.CONNECTED)
        await self.state(spec, SessionState.CONNECTED)  # after the change of its process
        return spec

    async def send_text(self, spec: SessionSpec, recipient: Phone, text: str) -> Sent:
        message = OutgoingMessage(content=Text(text=text))
        to = f"{recipient.number}@s.whatsapp.net"
        return await self.engines.send(spec.session, Send(recipient=to, message=message))

    async def state(self, spec: SessionSpec, state: SessionState, reason: Reason | None = None) -> Meaning:
        """Earlier states are passed over."""
        while True:
            meaning = (await self.told(spec, StateSeen)).meaning
            if meaning.state is state and reason in {None, meaning.reason}:
                return meaning

    async def text(self, spec: SessionSpec) -> str:
        content = (await self.told(spec, MessageReceived)).message.content
        assert isinstance(content, Text)
        return content.text

    async def told(self, spec: SessionSpec, kind: type[Kind]) -> Kind:
        """The oldest of this kind that nobody has asked for yet."""
        async with self._news:
            try:
                await asyncio.wait_for(
                    self._news.wait_for(lambda: self._find(spec.session, kind) is not None), PATIENCE
                )
            except TimeoutError:
                raise AssertionError(f"no {kind.__name__}; told so far: {self._told}") from None
            found = self._find(spec.session, kind)
            assert isinstance(found, kind)
            self._told.remove((spec.session, found))
            return found

    def has_told(self, spec: SessionSpec, kind: type[Told]) -> bool:
        return self._find(spec.session, kind) is not None

    def forget(self) -> None:
        self._told.clear()

    def engine_of(self, spec: SessionSpec) -> Any:
        return self._engines_with(spec)[0]

    def _engines_with(self, spec: SessionSpec) -> list[Any]:
        return [engine for engine in self.engines.pool.engines if spec.session in engine.sessions]

    async def engines_of(self, spec: SessionSpec) -> list[Any]:
        """As soon as there is one."""

        async def there() -> bool:
            return bool(self._engines_with(spec))

        await until(there, within=PATIENCE)
        return self._engines_with(spec)

    async def gone(self, spec: SessionSpec) -> None:
        await until(lambda: self._is_gone(spec), within=PATIENCE)

    async def _is_gone(self, spec: SessionSpec) -> bool:
        return spec.session not in self.engines.sessions

    def _find(self, session: str, kind: type[Kind]) -> Told | None:
        return next((told for name, told in self._told if name == session and isinstance(told, kind)), None)

    def _heard(self, spec: SessionSpec, told: Told) -> None:
        self._told.append((spec.session, told))
        task = asyncio.ensure_future(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


@asynccontextmanager
async def running_fleet(sandbox: Sandbox, folder: Path, **options: Any) -> AsyncIterator[Fleet]:
    fleet = Fleet(sandbox, folder, **options)
    async with fleet.engines:
        yield fleet


class BlindCredentials:
    """Says that every device is in its store, also of one that ends the library's process."""

    async def has(self, _: SessionSpec) -> bool:
        return True

    async def forget(self, _: SessionSpec) -> None:
        pass
