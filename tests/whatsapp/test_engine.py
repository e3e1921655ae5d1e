"""The engine process with the real client library against the emulated network."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from shared.contracts.messages import Text
from shared.contracts.told import MessageReceived, Paired, QrShown, ReceiptSeen, Then
from shared.session_state import Reason, SessionState
from tests.sandbox.conftest import new_number
from tests.whatsapp.engine import Engine, new_session
from tests.whatsapp.pair import Pair
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def test_a_scan_connects_and_texts_go_both_ways(paired: Pair, ben: Phone):
    engine, session = paired.engine, paired.session
    for text in ("hello", "Grüße, 你好 👩‍👩‍👧‍👦", "a" * 65_536):
        sent = await engine.send_text(session, f"{ben.number}@s.whatsapp.net", text)
        assert sent.sent is not None, sent
        received = await asyncio.wait_for(ben.next_message(), 20)
        assert (received.text, received.message_id) == (text, sent.sent.whatsapp_id)

        whatsapp_id = await ben.send_text(paired.phone, text)
        told = (await engine.told(session, MessageReceived)).message
        assert (told.content, told.whatsapp_id, told.push_name) == (Text(text=text), whatsapp_id, "Ben")
        assert (told.sender_phone, told.from_me) == (f"+{ben.number}", False)


async def test_receipts_are_told(paired: Pair, ben: Phone):
    sent = await paired.engine.send_text(paired.session, f"{ben.number}@s.whatsapp.net", "read me")
    assert sent.sent is not None
    message = await asyncio.wait_for(ben.next_message(), 20)
    assert (await paired.engine.told(paired.session, ReceiptSeen)).kind == "delivered"
    await ben.mark_read(message)
    read = await paired.engine.told(paired.session, ReceiptSeen)
    assert (read.kind, read.whatsapp_ids) == ("read", (sent.sent.whatsapp_id,))


async def test_a_pairing_code_connects(engine: Engine, anna: Phone, tmp_path: Path):
    pair = Pair(engine, anna, str(tmp_path / "code.db"))
    await engine.start(pair.session, pair.store)
    await engine.told(pair.session, QrShown)
    answer = await engine.pairing_code(pair.session, anna.number)
    assert answer.code is not None, answer
    await anna.enter_pairing_code(answer.code)
    await engine.told(pair.session, Paired)
    await pair.state(SessionState.CONNECTED)


async def test_a_killed_engine_loses_nothing_and_another_resumes_without_a_scan(
    lone: Pair, sandbox: Sandbox, ben: Phone, tmp_path: Path
):
    os.kill(lone.engine.process.pid, signal.SIGKILL)
    await lone.engine.process.wait()
    whatsapp_id = await ben.send_text(lone.phone, "while you were away")
    async with Engine(sandbox, tmp_path / "second.log") as second:
        again = Pair(second, lone.phone, lone.store)
        answer = await second.start(again.session, again.store, lone.device_jid)
        assert answer.problem is None, answer
        await again.state(SessionState.CONNECTED)
        assert (await second.told(again.session, MessageReceived)).message.whatsapp_id == whatsapp_id
        sent = await second.send_text(again.session, f"{ben.number}@s.whatsapp.net", "back")
        assert sent.sent is not None


async def test_a_stopped_session_starts_again_in_the_same_engine(paired: Pair, ben: Phone):
    engine = paired.engine
    assert (await engine.stop(paired.session)).problem is None
    refused = await engine.send_text(paired.session, f"{ben.number}@s.whatsapp.net", "x")
    assert refused.problem == "not_connected"
    again = Pair(engine, paired.phone, paired.store)
    await engine.start(again.session, again.store, paired.device_jid)
    await again.state(SessionState.CONNECTED)


async def test_a_log_out_on_the_phone_is_told_and_forgets(paired: Pair):
    (device,) = paired.phone.companions
    await paired.phone.log_out(device)
    seen = await paired.state(SessionState.LOGGED_OUT)
    assert (seen.meaning.reason, seen.meaning.then) == (Reason.LOGGED_OUT_BY_PHONE, Then.FORGET)


async def test_a_replaced_client_stops_and_does_not_fight(paired: Pair, sandbox: Sandbox, tmp_path: Path):
    async with Engine(sandbox, tmp_path / "rival.log") as rival:
        other = Pair(rival, paired.phone, paired.store)
        await rival.start(other.session, other.store, paired.device_jid)
        await other.state(SessionState.CONNECTED)
        seen = await paired.state(SessionState.DISCONNECTED)
        assert (seen.meaning.reason, seen.meaning.then) == (Reason.REPLACED, Then.STOP)


@pytest.mark.parametrize("recipient", ["", "abc", "+49 177@s.whatsapp.net", "1@evil.example"])
async def test_a_bad_recipient_is_refused_and_nothing_else_happens(paired: Pair, ben: Phone, recipient: str):
    answer = await paired.engine.send_text(paired.session, recipient, "x")
    assert answer.problem == "refused"
    sent = await paired.engine.send_text(paired.session, f"{ben.number}@s.whatsapp.net", "still here")
    assert sent.sent is not None


async def test_calls_for_a_session_that_does_not_run_never_reach_the_library(engine: Engine):
    nobody = new_session()
    assert (await engine.send_text(nobody, "1@lid", "x")).problem == "not_connected"
    assert (await engine.log_out(nobody)).problem == "not_connected"
    assert (await engine.pairing_code(nobody, new_number())).problem == "not_connected"
    assert (await engine.stop(nobody)).problem is None


async def test_an_engine_ends_itself_when_its_lease_is_over(lone: Pair):
    lone.engine.lease_for(0.3)
    async with asyncio.timeout(5):
        assert await lone.engine.process.wait() == 75


async def test_an_engine_whose_lease_is_renewed_goes_on(lone: Pair, ben: Phone):
    lone.engine.lease_for(0.5)
    lone.engine.lease_for(60)
    sent = await lone.engine.send_text(lone.session, f"{ben.number}@s.whatsapp.net", "x")
    assert sent.sent is not None


async def test_an_engine_ends_when_its_agent_is_gone(lone: Pair):
    """Its pairing's abandoned thread in Go does not hold it back."""
    lone.engine.link.close()
    async with asyncio.timeout(5):
        assert await lone.engine.process.wait() == 0


async def test_an_abandoned_pairing_ends_with_its_engine(engine: Engine, tmp_path: Path):
    session = new_session()
    await engine.start(session, str(tmp_path / "abandoned.db"))
    await engine.told(session, QrShown)
    engine.link.close()
    async with asyncio.timeout(5):
        assert await engine.process.wait() == 0


async def test_junk_on_the_pipe_ends_the_engine_and_not_a_session_of_others(engine: Engine):
    engine.link._writer.write(b"\xff\xff\xff\xff junk")
    async with asyncio.timeout(5):
        assert await engine.process.wait() == 0


async def test_clients_that_are_stopped_in_the_middle_of_things_leave_the_engine_well(
    engine: Engine, sandbox: Sandbox, ben: Phone, tmp_path: Path
):
    """The library goes on to log after a stop, by means that must still be there."""
    for number in range(3):
        phone = await sandbox.network.new_phone(new_number(), "Anna")
        pair = await Pair(engine, phone, str(tmp_path / f"{number}.db")).scan()
        await ben.send_text(phone, "on its way")
        assert (await engine.stop(pair.session)).problem is None
    last = Pair(engine, phone, pair.store)
    await engine.start(last.session, last.store, pair.device_jid)
    await last.state(SessionState.CONNECTED)
    assert engine.process.returncode is None
