"""Many devices linked one beside the other in one engine process, for runs that need sessions by the hundred.

A pairing has a process of its own in the product; the library that does it is the same here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from shared.contracts.told import Paired, QrShown, StateSeen, Told
from shared.session_state import SessionState
from worker.engines.process import EngineKind, EngineProcess
from worker.engines.session_spec import SessionSpec
from worker.engines.words import Event, Start, Stop

_AT_ONCE = 4
_PATIENCE = 60.0

Scan = Callable[[str], Awaitable[object]]


async def pair_many(kind: EngineKind, sessions: Sequence[tuple[SessionSpec, Scan]]) -> list[SessionSpec]:
    """The same sessions with their devices, in their order; none of them runs afterwards."""
    house = _House()
    house.process = await EngineProcess.spawn(replace(kind, sessions_max=len(sessions)), house.heard)
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(spec: SessionSpec, scan: Scan) -> SessionSpec:
        async with turns, asyncio.timeout(_PATIENCE):
            return await house.pair(spec, scan)

    try:
        return await asyncio.gather(*(one(spec, scan) for spec, scan in sessions))
    finally:
        house.process.kill()
        await house.process.died.wait()


class _House:
    process: EngineProcess

    def __init__(self) -> None:
        self._told: dict[str, asyncio.Queue[Told]] = {}

    def heard(self, _: EngineProcess, event: Event) -> None:
        self._told[event.session].put_nowait(event.told)

    async def pair(self, spec: SessionSpec, scan: Scan) -> SessionSpec:
        told = self._told[spec.session] = asyncio.Queue()
        start = Start(
            session=spec.session,
            epoch=spec.epoch,
            address=spec.address,
            device_jid=None,
            device_name=spec.device_name,
        )
        answer = await self.process.ask(start, _PATIENCE)
        assert answer.problem is None, answer
        jid = ""
        while True:
            what = await told.get()
            if isinstance(what, QrShown) and what.number == 1:
                await scan(what.code)
            elif isinstance(what, Paired):
                jid = what.device_jid
            elif isinstance(what, StateSeen) and what.meaning.state is SessionState.CONNECTED:
                break
        await self.process.ask(Stop(session=spec.session), _PATIENCE)
        return replace(spec, device_jid=jid)
