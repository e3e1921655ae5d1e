"""The agent's fleet: sessions outlive their engines."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from shared.session_state import Reason, SessionState
from tests.engines.fleet import Fleet, running_fleet
from tests.sandbox.conftest import anna, ben, new_number, sandbox
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.whatsapp.port import NotConnected

__all__ = ["anna", "ben", "sandbox"]


@pytest.fixture
async def fleet(sandbox: Sandbox, tmp_path: Path):
    async with running_fleet(sandbox, tmp_path) as running:
        yield running


async def test_a_paired_session_leaves_its_pairing_process_and_works(fleet: Fleet, anna: Phone, ben: Phone):
    spec = await fleet.pair(anna)
    await fleet.send_text(spec, ben, "hello")
    assert (await asyncio.wait_for(ben.next_message(), 20)).text == "hello"
    await ben.send_text(anna, "hello yourself")
    assert await fleet.text(spec) == "hello yourself"
    assert len(fleet.engines.pool.engines) == 1


async def test_a_killed_engine_brings_all_its_sessions_back(fleet: Fleet, sandbox: Sandbox, ben: Phone):
    phones = [await sandbox.network.new_phone(new_number()) for _ in range(5)]
    specs = [await fleet.pair(phone) for phone in phones]
    (engine,) = fleet.engines.pool.engines
    assert len(engine.sessions) == 5
    fleet.forget()
    os.kill(engine.process.pid, signal.SIGKILL)
    for spec, phone in zip(specs, phones, strict=True):
        await fleet.state(spec, SessionState.RECOVERING, Reason.ENGINE_RESTARTED)
        await fleet.state(spec, SessionState.CONNECTED)
        await fleet.send_text(spec, ben, f"from {phone.number}")
    texts = {(await asyncio.wait_for(ben.next_message(), 20)).text for _ in phones}
    assert texts == {f"from {phone.number}" for phone in phones}


async def test_a_stopped_session_can_be_asked_nothing_and_starts_again(fleet: Fleet, anna: Phone, ben: Phone):
    spec = await fleet.pair(anna)
    paired = fleet.engines.spec_of(spec.session)
    assert paired is not None
    await fleet.engines.stop(spec.session)
    assert fleet.engines.sessions == ()
    with pytest.raises(NotConnected):
        await fleet.send_text(spec, ben, "into the void")
    fleet.engines.start(paired)
    await fleet.state(spec, SessionState.CONNECTED)
    await fleet.send_text(spec, ben, "back")
