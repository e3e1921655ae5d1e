"""720 times connect, send and stop in one engine process."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from shared.session_state import SessionState
from tests.bench.process_figures import memory_mib
from tests.chaos.stored_sessions import StoredSessions, people
from tests.engines.fleet import Fleet, running_fleet
from tests.waiting import until
from worker.engines.session_spec import SessionSpec
from worker.sandbox.overlaps import Overlaps
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.whatsapp.stores import PostgresStore

pytestmark = pytest.mark.chaos

SESSIONS, ROUNDS, PEOPLE = 60, 12, 6


async def cycle(fleet: Fleet, spec: SessionSpec, to: Phone, texts: list[str]) -> None:
    fleet.engines.start(spec)
    await fleet.state(spec, SessionState.CONNECTED)
    for text in texts:
        await fleet.send_text(spec, to, text)


async def test_720_cycles_in_one_engine_end_in_no_crash_and_leave_nothing(
    sandbox: Sandbox, store: PostgresStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    async with running_fleet(sandbox, tmp_path, sessions_max=SESSIONS + 1) as fleet:
        sessions = await StoredSessions.paired(sandbox, fleet, store, SESSIONS + 1)
        friends = await people(sandbox, PEOPLE)
        # Without one that stays, the engine would end with each round's last session.
        await cycle(fleet, sessions.specs[-1], friends[0], [])
        (engine,) = fleet.engines.pool.engines
        memory, connections, expected, began = [memory_mib(engine.process.pid)], 0, [], time.monotonic()
        for number in range(1, ROUNDS + 1):
            specs = sessions.specs[:SESSIONS]
            texts = [[f"{number} {at} {part}" for part in range(at % 3 + 1)] for at in range(SESSIONS)]
            expected += [text for some in texts for text in some]
            await asyncio.gather(
                *(cycle(fleet, spec, friends[at % PEOPLE], texts[at]) for at, spec in enumerate(specs))
            )
            connections = max(connections, await sessions.connections())
            await asyncio.gather(*(fleet.engines.stop(spec.session) for spec in specs))
            fleet.forget()
            assert fleet.engines.pool.engines == (engine,)
            memory.append(memory_mib(engine.process.pid))
            await sessions.own_from(number + 1)
        stopped = time.monotonic()

        async def no_connections() -> bool:
            return await sessions.connections() == 0

        await until(no_connections, within=180)
        idle = time.monotonic() - stopped
        memory.append(memory_mib(engine.process.pid))
    heard = Counter(message.text for friend in friends for message in friend.inbox)
    assert heard == Counter(expected)
    overlaps = Overlaps()
    for entry in sandbox.network.journal.entries():
        overlaps.see(entry)
    assert overlaps.found == []
    with capsys.disabled():
        private = ", ".join(f"{each['private']:.0f}" for each in memory)
        print(f"\n{SESSIONS * ROUNDS} cycles, {len(expected)} messages in {stopped - began:.0f} s")
        print(f"at most {connections} connections to the store, none {idle:.0f} s after the last cycle")
        print(f"the engine's private memory in MiB, before, after each round and when idle: {private}")
