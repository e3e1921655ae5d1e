"""Engines that die by a kill, by a panic, by hanging: their sessions come back, and nobody else notices."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from shared.contracts.told import StateSeen
from shared.session_state import Reason, SessionState
from tests.engines.fleet import BlindCredentials, Fleet, running_fleet
from tests.sandbox.conftest import anna, ben, new_number, sandbox
from worker.engines.session_spec import SessionSpec
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

__all__ = ["anna", "ben", "sandbox"]

# Resumed without a look into the store, it makes the library panic.
NOWHERE = "4915559999999:7@s.whatsapp.net"


@pytest.fixture
async def fleet(sandbox: Sandbox, tmp_path: Path):
    async with running_fleet(sandbox, tmp_path, credentials=BlindCredentials()) as running:
        yield running


async def paired(fleet: Fleet, sandbox: Sandbox, count: int) -> dict[SessionSpec, Phone]:
    phones = [await sandbox.network.new_phone(new_number()) for _ in range(count)]
    specs = await asyncio.gather(*(fleet.pair(phone) for phone in phones))
    return dict(zip(specs, phones, strict=True))


async def back_and_well(fleet: Fleet, sessions: dict[SessionSpec, Phone], ben: Phone) -> None:
    for spec, phone in sessions.items():
        await fleet.state(spec, SessionState.RECOVERING, Reason.ENGINE_RESTARTED)
        await fleet.state(spec, SessionState.CONNECTED)
        await fleet.send_text(spec, ben, phone.number)
    heard = {(await asyncio.wait_for(ben.next_message(), 20)).text for _ in sessions}
    assert heard == {phone.number for phone in sessions.values()}


async def test_twenty_sessions_come_back_after_a_kill(fleet: Fleet, sandbox: Sandbox, ben: Phone):
    sessions = await paired(fleet, sandbox, 20)
    fleet.forget()
    (engine,) = fleet.engines.pool.engines
    os.kill(engine.process.pid, signal.SIGKILL)
    await back_and_well(fleet, sessions, ben)


async def test_a_panic_of_the_library_takes_its_neighbours_along_once_and_is_found(
    fleet: Fleet, sandbox: Sandbox, ben: Phone
):
    sessions = await paired(fleet, sandbox, 4)
    fleet.forget()
    poison = fleet.spec(device_jid=NOWHERE)
    fleet.engines.start(poison)
    await back_and_well(fleet, sessions, ben)
    meaning = await fleet.state(poison, SessionState.DISCONNECTED)
    assert meaning.reason is Reason.CLIENT_CRASHES
    assert [spec for spec in sessions if fleet.has_told(spec, StateSeen)] == []
    assert set(fleet.engines.sessions) == {spec.session for spec in sessions}


async def test_why_an_engine_died_stands_in_the_log(fleet: Fleet, caplog: pytest.LogCaptureFixture):
    poison = fleet.spec(device_jid=NOWHERE)
    fleet.engines.start(poison)
    await fleet.state(poison, SessionState.DISCONNECTED, Reason.CLIENT_CRASHES)
    farewells = [
        vars(record)["fields"]["farewell"] for record in caplog.records if record.message == "engine_died"
    ]
    assert len(farewells) == 3
    assert all("panic" in farewell or "SIGSEGV" in farewell for farewell in farewells)


async def test_an_engine_that_hangs_is_killed_and_replaced(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
):
    hasty = {"ping_every": 0.2, "ping_patience": 0.5}
    async with running_fleet(sandbox, tmp_path, pool={"spares": 0, **hasty}) as fleet:
        spec = await fleet.pair(anna)
        fleet.forget()
        os.kill(fleet.engine_of(spec).process.pid, signal.SIGSTOP)
        await back_and_well(fleet, {spec: anna}, ben)


async def test_a_pairing_whose_process_dies_is_over_and_can_be_tried_again(fleet: Fleet, anna: Phone):
    spec = fleet.spec()
    fleet.engines.start(spec)
    (engine,) = await fleet.engines_of(spec)
    os.kill(engine.process.pid, signal.SIGKILL)
    meaning = await fleet.state(spec, SessionState.AUTH_FAILED)
    assert meaning.reason is Reason.PAIRING_FAILED
    await fleet.gone(spec)
    # It may have shown a code before it died; the next pairing shows codes of its own.
    fleet.forget()
    await fleet.pair(anna, spec)
