"""When the network does not answer: what is known of a message then, and who has to wait."""

import asyncio
from pathlib import Path

from shared.contracts.messages import FileKind
from shared.session_state import SessionState
from tests.sandbox.conftest import new_number
from tests.whatsapp.engine import Engine
from tests.whatsapp.pair import Pair
from tests.whatsapp.test_files import prepared
from tests.whatsapp.test_sending import read
from worker.engines.words import AskConnected, FindNumbers
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def test_a_message_that_was_not_confirmed_is_uncertain_and_not_refused(paired: Pair, ben: Phone):
    faults, device = paired.network.faults, paired.device.name
    faults.drop_acks(device)
    sending = asyncio.create_task(
        paired.engine.send_text(paired.session, f"{ben.number}@s.whatsapp.net", "did you get this?")
    )
    assert (await read(ben)).text == "did you get this?"
    # The library tries once more on the next connection, and is not answered there either.
    for _ in range(2):
        faults.close(device)
        await paired.state(SessionState.CONNECTED)
    answer = await sending
    assert (answer.problem, "may have been sent" in answer.words) == ("uncertain", True), answer
    faults.heal(device)
    await paired.send(ben, "and now?")


async def test_nobody_waits_for_the_answer_to_somebody_else(
    paired: Pair, ben: Phone, sandbox: Sandbox, tmp_path: Path
):
    carla = await sandbox.network.new_phone(new_number(), "Carla")
    other = await Pair(paired.engine, carla, str(tmp_path / "carla.db")).scan()
    paired.network.faults.drop_acks(paired.device.name)
    hanging = asyncio.create_task(
        paired.engine.send_text(paired.session, f"{ben.number}@s.whatsapp.net", "nobody confirms this")
    )
    await read(ben)
    assert (await other.engine.stop(other.session)).problem is None
    again = Pair(other.engine, carla, other.store)
    await again.engine.start(again.session, again.store, other.device_jid)
    await again.state(SessionState.CONNECTED)
    assert not hanging.done()
    # Not even the session itself, when it is to stop.
    assert (await paired.engine.stop(paired.session)).problem is None
    assert (await hanging).problem == "uncertain"


async def test_without_the_network_nothing_is_sent_and_nothing_lost(anna: Phone, ben: Phone, tmp_path: Path):
    async with Sandbox(tmp_path / "network") as sandbox:
        anna, ben = [await sandbox.network.new_phone(new_number(), name) for name in ("Anna", "Ben")]
        engine = await Engine(sandbox, tmp_path / "engine.log").__aenter__()
        paired = await Pair(engine, anna, str(tmp_path / "anna.db")).scan()
    try:
        await paired.state(SessionState.RECONNECTING)
        recipient = f"{ben.number}@s.whatsapp.net"
        assert (await engine.send_text(paired.session, recipient, "x")).problem == "not_connected"
        photo = prepared(tmp_path, FileKind.IMAGE)
        assert (await engine.send(paired.session, recipient, photo)).problem == "not_connected"
        assert (await engine.ask(AskConnected, paired.session)).connected is False
        found = await engine.ask(FindNumbers, paired.session, phones=(ben.number,))
        assert found.problem == "not_connected"
        assert (await engine.log_out(paired.session)).problem == "not_connected"
        assert (await engine.stop(paired.session)).problem is None
        # A start is refused in words, for the library would not try again.
        answer = await engine.start(paired.session, paired.store, paired.device_jid)
        assert (answer.problem, "cannot be reached" in answer.words) == ("refused", True), answer
    finally:
        await engine.__aexit__()
