"""How sessions and engines end: by order, by their lease, with their agent; nothing is left behind."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.told import QrShown, StateSeen
from shared.session_state import Reason, SessionState
from tests.engines.fleet import Fleet, running_fleet
from tests.sandbox.conftest import anna, ben, new_number, sandbox
from tests.waiting import until
from worker.engines.credentials import StoredCredentials
from worker.engines.folder_lock import lock_engines
from worker.engines.lease_watch import now as lease_clock
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.whatsapp.port import NotConnected, Refused

__all__ = ["anna", "ben", "sandbox"]


@pytest.fixture
async def fleet(sandbox: Sandbox, tmp_path: Path):
    async with running_fleet(sandbox, tmp_path) as running:
        yield running


async def test_an_abandoned_pairing_leaves_no_process(fleet: Fleet):
    spec = fleet.spec()
    fleet.engines.start(spec)
    await fleet.told(spec, QrShown)
    process = fleet.engine_of(spec).process
    await fleet.engines.stop(spec.session)
    assert process.died.is_set()
    assert fleet.engines.pool.engines == ()
    assert not runs(process.pid)


async def test_the_last_session_takes_its_engine_along(fleet: Fleet, anna: Phone):
    spec = await fleet.pair(anna)
    process = fleet.engine_of(spec).process
    await fleet.engines.stop(spec.session)
    await asyncio.wait_for(process.died.wait(), 10)


async def test_a_session_that_runs_is_not_started_twice(fleet: Fleet, anna: Phone):
    spec = await fleet.pair(anna)
    with pytest.raises(Refused, match="runs here already"):
        fleet.engines.start(spec)


async def test_a_replaced_session_stays_down(fleet: Fleet, sandbox: Sandbox, anna: Phone):
    spec = await fleet.pair(anna)
    (device,) = anna.companions
    sandbox.network.faults.replace(device.name)
    await fleet.state(spec, SessionState.DISCONNECTED, Reason.REPLACED)
    await fleet.gone(spec)


async def test_a_log_out_on_the_phone_leaves_no_credentials(fleet: Fleet, anna: Phone):
    spec = await fleet.pair(anna)
    known = fleet.engines.spec_of(spec.session)
    assert known is not None
    (device,) = anna.companions
    await anna.log_out(device)
    await fleet.state(spec, SessionState.LOGGED_OUT, Reason.LOGGED_OUT_BY_PHONE)
    await fleet.gone(spec)
    assert not await StoredCredentials().has(known)
    fleet.engines.start(known)
    await fleet.state(spec, SessionState.DISCONNECTED, Reason.CREDENTIALS_LOST)


async def test_a_log_out_by_order_is_told_and_leaves_nothing(fleet: Fleet, anna: Phone):
    spec = await fleet.pair(anna)
    await fleet.engines.log_out(spec.session)
    await fleet.state(spec, SessionState.LOGGED_OUT, Reason.LOGGED_OUT_BY_USER)
    await fleet.gone(spec)
    assert anna.companions == []


async def test_when_the_lease_ends_everything_ends_and_comes_back_with_a_new_one(
    fleet: Fleet, anna: Phone, ben: Phone
):
    spec = await fleet.pair(anna)
    fleet.forget()
    process = fleet.engine_of(spec).process
    fleet.engines.extend_lease(lease_clock() + 0.2)
    await asyncio.wait_for(process.died.wait(), 10)
    assert process.exit_code == 75
    with pytest.raises(NotConnected):
        await fleet.send_text(spec, ben, "after the end")
    fleet.engines.extend_lease(lease_clock() + 60)
    await fleet.state(spec, SessionState.CONNECTED)
    await fleet.send_text(spec, ben, "with a new lease")


async def test_an_unreachable_network_is_told_and_tried_again(tmp_path: Path):
    network, folder = tmp_path / "network", tmp_path / "sessions"
    async with Sandbox(network) as sandbox:
        anna = await sandbox.network.new_phone(new_number())
        async with running_fleet(sandbox, folder) as fleet:
            spec = await fleet.pair(anna)
            known = fleet.engines.spec_of(spec.session)
            port = sandbox.port
    assert known is not None
    away = Sandbox(network, port)
    async with running_fleet(away, folder) as fleet:
        fleet.engines.start(known)
        meaning = await fleet.state(known, SessionState.RECONNECTING)
        assert meaning.reason is Reason.NETWORK_UNAVAILABLE
        async with away:
            await fleet.state(known, SessionState.CONNECTED)
            await fleet.engines.stop(known.session)


async def test_no_engine_outlives_its_agent(sandbox: Sandbox, anna: Phone, tmp_path: Path):
    """A kill -9: nobody is there to stop them in order."""
    settings = {
        "folder": str(tmp_path),
        "proxy": sandbox.proxy,
        "certificate": str(sandbox.certificate),
        "root_key": sandbox.root_key.public.hex(),
    }
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.engines.agent_child", json.dumps(settings)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert agent.stdout is not None
    try:
        await anna.scan((await said(agent.stdout, "qr"))["qr"])
        engines = (await said(agent.stdout, "engines"))["engines"]
    finally:
        agent.send_signal(signal.SIGKILL)
        await agent.communicate()
    assert len(engines) >= 2  # the session's, and the spare one
    await until(lambda: _gone(engines), within=2)
    os.close(await lock_engines(tmp_path, patience=1))


async def said(reader: asyncio.StreamReader, name: str) -> Any:
    """The next line of that kind; engines' own log lines stand between."""
    while line := await asyncio.wait_for(reader.readline(), 60):
        found = json.loads(line)
        if name in found:
            return found
    raise AssertionError(f"the agent ended without {name}")


async def _gone(pids: list[int]) -> bool:
    return not any(map(runs, pids))


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_states_of_an_ended_session_are_told_once(fleet: Fleet, anna: Phone):
    spec = await fleet.pair(anna)
    fleet.forget()
    (device,) = anna.companions
    await anna.log_out(device)
    await fleet.state(spec, SessionState.LOGGED_OUT)
    await fleet.gone(spec)
    assert not fleet.has_told(spec, StateSeen)
