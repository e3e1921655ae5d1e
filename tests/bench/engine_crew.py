"""A fleet of engines under measurement, and the linked sessions that it runs."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from shared.contracts.messages import OutgoingMessage, Text
from shared.contracts.told import MessageReceived, QrShown, StateSeen, Told
from shared.session_state import SessionState
from tests.bench.emulator import Emulator
from tests.waiting import until
from worker.engines.credentials import StoredCredentials
from worker.engines.fleet import FleetOfEngines
from worker.engines.kept_session import SessionTiming
from worker.engines.networks import SANDBOX, sandbox_engines
from worker.engines.pool import PoolOptions
from worker.engines.session_spec import SessionSpec
from worker.engines.words import Send

PATIENCE = 90.0


class Crew:
    """What the sessions tell is looked at once and not kept."""

    def __init__(self, emulator: Emulator, *, sessions_max: int = 50, spares: int = 0) -> None:
        self.emulator = emulator
        self._waiting: dict[tuple[str, str], asyncio.Future[float]] = {}
        self._codes: dict[str, str] = {}
        self.fleet = FleetOfEngines(
            {SANDBOX: sandbox_engines(os.environ, emulator.settings, sessions_max)},
            self._heard,
            StoredCredentials(),
            pool_options=PoolOptions(spares=spares),
            timing=SessionTiming(first_pause=0.1),
        )

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.fleet.pool.processes()]

    async def processes(self, count: int) -> None:
        """Spare ones included; returns when there are so many."""

        async def there() -> bool:
            return len(self.pids) >= count

        await until(there, within=PATIENCE)

    async def start(self, specs: Sequence[SessionSpec]) -> None:
        connected = [self.next(spec, "connected") for spec in specs]
        for spec in specs:
            self.fleet.start(spec)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*connected)

    def next(self, spec: SessionSpec, what: str) -> "asyncio.Future[float]":
        """connected, message or qr; the moment of it."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[spec.session, what] = future
        return future

    async def send(self, spec: SessionSpec, number: str, text: str) -> None:
        message = OutgoingMessage(content=Text(text=text))
        command = Send(recipient=f"{number}@s.whatsapp.net", message=message)
        await self.fleet.send(spec.session, command)

    def _heard(self, spec: SessionSpec, told: Told) -> None:
        what = ""
        if isinstance(told, StateSeen) and told.meaning.state is SessionState.CONNECTED:
            what = "connected"
        elif isinstance(told, MessageReceived):
            what = "message"
        elif isinstance(told, QrShown):
            what = "qr"
        future = self._waiting.pop((spec.session, what), None)
        if future is not None and not future.done():
            future.set_result(time.perf_counter())


@asynccontextmanager
async def running(emulator: Emulator, *, sessions_max: int = 50, spares: int = 0) -> AsyncIterator[Crew]:
    crew = Crew(emulator, sessions_max=sessions_max, spares=spares)
    async with crew.fleet:
        yield crew
