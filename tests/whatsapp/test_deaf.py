"""A client that says that it is connected and is heard by nobody: found out, and connected anew."""

from pathlib import Path

import pytest

from shared.contracts.messages import Text
from shared.contracts.told import Probed, Then
from shared.session_state import Reason, SessionState
from tests.waiting import until
from tests.whatsapp.engine import Engine
from tests.whatsapp.pair import Pair
from worker.sandbox.phones import Phone

S, R = SessionState, Reason
OFTEN = 0.6


@pytest.fixture
async def watched(engine: Engine, anna: Phone, tmp_path: Path) -> Pair:
    return await Pair(engine, anna, str(tmp_path / "anna.db")).scan(probe_every=OFTEN)


async def test_each_question_that_is_answered_is_told_with_its_time(watched: Pair):
    for _ in range(2):
        probed = await watched.engine.told(watched.session, Probed)
        assert probed.answered
        assert probed.milliseconds > 0


async def test_a_deaf_client_is_told_as_reconnecting_and_hears_again(watched: Pair, ben: Phone):
    await watched.engine.told(watched.session, Probed)
    faults, before = watched.network.faults, watched.network.online[watched.device.name]
    faults.deafen(watched.device.name)
    deaf = (await watched.state(S.RECONNECTING)).meaning
    assert (deaf.reason, deaf.then) == (R.DEAF, Then.GO_ON)
    faults.heal(watched.device.name)
    await watched.state(S.CONNECTED)
    assert watched.network.online[watched.device.name] is not before
    await ben.send_text(watched.phone, "do you hear me?")
    assert (await watched.heard()).content == Text(text="do you hear me?")


async def test_one_that_stays_deaf_connects_anew_and_hears_once_it_may(watched: Pair, ben: Phone):
    faults, name = watched.network.faults, watched.device.name
    before = watched.network.online[name]
    faults.deafen(name)
    await watched.state(S.RECONNECTING)

    async def connects_anew() -> bool:
        return watched.network.online.get(name) not in (None, before)

    await until(connects_anew)
    faults.heal(name)
    await watched.state(S.CONNECTED)
    await ben.send_text(watched.phone, "and now?")
    await watched.heard()


async def test_what_was_written_to_a_deaf_client_comes_when_it_hears_again(watched: Pair, ben: Phone):
    faults, name = watched.network.faults, watched.device.name
    faults.deafen(name)
    await ben.send_text(watched.phone, "while you were deaf")
    await watched.state(S.RECONNECTING)
    faults.heal(name)
    await watched.state(S.CONNECTED)
    assert (await watched.heard()).content == Text(text="while you were deaf")


async def test_one_that_starts_into_a_deaf_network_comes_up_once_it_is_heard(watched: Pair, ben: Phone):
    faults, name = watched.network.faults, watched.device.name
    await watched.engine.stop(watched.session)
    watched.engine.forget(watched.session)
    faults.deafen(name)
    started = await watched.engine.start(
        watched.session, watched.store, watched.device_jid, probe_every=OFTEN
    )
    assert started.problem is None
    deaf = (await watched.state(S.RECONNECTING)).meaning
    assert deaf.reason is R.DEAF
    faults.heal(name)
    await watched.state(S.CONNECTED)
    await ben.send_text(watched.phone, "good morning")
    await watched.heard()
