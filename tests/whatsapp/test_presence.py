"""What is told and done beside messages: receipts, typing, who is there, calls, numbers."""

import asyncio
import time

import pytest

from shared.contracts.told import CallSeen, LoggedInAs, PresenceSeen, ReceiptSeen, TypingSeen
from tests.sandbox.conftest import new_number
from tests.whatsapp.pair import Pair
from tests.whatsapp.test_groups import group_of
from tests.whatsapp.test_sending import read
from worker.engines.words import (
    Answer,
    AskConnected,
    FindNumbers,
    MarkRead,
    RejectCall,
    SetAvailable,
    SetTyping,
    WatchPresence,
)
from worker.sandbox.phones import Phone
from worker.sandbox.phones import Typing as PhoneTyping
from worker.sandbox.wire.nodes import node
from worker.whatsapp.port import NumberFound, Typing


async def mark(paired: Pair, chat: str, sender: str, *ids: str, played: bool = False) -> Answer:
    return await paired.engine.ask(
        MarkRead, paired.session, chat=chat, sender=sender, whatsapp_ids=ids, played=played
    )


async def receipt(paired: Pair, kind: str) -> ReceiptSeen:
    while True:
        seen = await paired.engine.told(paired.session, ReceiptSeen)
        if seen.kind == kind:
            return seen


async def test_receipts_are_told_to_read_and_played(paired: Pair, ben: Phone):
    first, second = [(await paired.send(ben, text)).whatsapp_id for text in ("first", "second")]
    messages = [await read(ben), await read(ben)]
    assert (await receipt(paired, "delivered")).whatsapp_ids == (first,)
    await ben.mark_read(*messages)
    seen = await receipt(paired, "read")
    assert (set(seen.whatsapp_ids), seen.chat, seen.sender) == (
        {first, second},
        f"{ben.account.lid}@lid",
        f"{ben.account.lid}@lid",
    )
    await ben.mark_played(messages[1])
    assert (await receipt(paired, "played")).whatsapp_ids == (second,)


async def test_receipts_in_a_group_tell_who(paired: Pair, ben: Phone):
    group = await group_of(paired, ben)
    sent = await paired.send(str(group.jid), "hello all")
    await ben.mark_read(await read(ben))
    seen = await receipt(paired, "read")
    assert (seen.chat, seen.sender, seen.whatsapp_ids) == (
        str(group.jid),
        f"{ben.account.lid}@lid",
        (sent.whatsapp_id,),
    )


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("inactive", "inactive"),
        ("sender", "sender"),
        ("read-self", "read_self"),
        ("played-self", "played_self"),
        ("peer_msg", "peer_msg"),
        ("hist_sync", "history_sync"),
        ("retry", "retry"),
    ],
)
async def test_each_kind_of_receipt_has_a_name(paired: Pair, ben: Phone, kind: str, told: str):
    attrs = {"id": "3A00", "from": ben.account.lid_jid, "t": int(time.time()), "type": kind}
    paired.network.deliver(paired.device.name, node("receipt", attrs))
    assert (await receipt(paired, told)).whatsapp_ids == ("3A00",)


async def test_messages_are_marked_as_read_and_played(paired: Pair, ben: Phone):
    ids = [await ben.send_text(paired.phone, text) for text in ("first", "second")]
    sender = (await paired.heard()).sender
    for played, kind in ((False, "read"), (True, "played")):
        assert (await mark(paired, sender, sender, *ids, played=played)).problem is None
        while (seen := await asyncio.wait_for(ben.next_receipt(), 20)).kind != kind:
            pass
        assert set(seen.message_ids) == set(ids)


async def test_messages_of_a_group_are_marked_with_their_author(paired: Pair, ben: Phone):
    group = await group_of(paired, ben)
    whatsapp_id = await ben.send_text(group, "hello all")
    sender = (await paired.heard()).sender
    assert (await mark(paired, str(group.jid), sender, whatsapp_id)).problem is None
    while (seen := await asyncio.wait_for(ben.next_receipt(), 20)).kind != "read":
        pass
    assert seen.message_ids == (whatsapp_id,)


async def test_marks_that_mean_nothing_are_refused(paired: Pair, ben: Phone):
    lid = f"{ben.account.lid}@lid"
    for answer in (
        await mark(paired, lid, lid),
        await mark(paired, lid, lid, "two words"),
        await mark(paired, lid, lid, *["3A00"] * 501),
        await mark(paired, "1@g.us", "", "3A00"),
        await mark(paired, "nowhere", lid, "3A00"),
        await mark(paired, lid, "1@g.us", "3A00"),
    ):
        assert answer.problem == "refused", answer


async def test_typing_is_told(paired: Pair, ben: Phone):
    await paired.named()
    assert (await available(paired, True)).problem is None
    told_as: dict[PhoneTyping, str] = {"composing": "typing", "recording": "recording", "paused": "paused"}
    for state, told in told_as.items():
        ben.set_typing(paired.phone, state)
        seen = await paired.engine.told(paired.session, TypingSeen)
        assert (seen.chat, seen.sender, seen.state) == (f"{ben.account.lid}@lid",) * 2 + (told,)


async def available(paired: Pair, wanted: bool) -> Answer:
    return await paired.engine.ask(SetAvailable, paired.session, available=wanted)


async def test_typing_is_shown(paired: Pair, ben: Phone):
    await paired.named()
    await available(paired, True)
    chat = f"{ben.account.lid}@lid"
    for state, kind in (
        (Typing.TYPING, "composing"),
        (Typing.RECORDING, "recording"),
        (Typing.PAUSED, "paused"),
    ):
        assert (await paired.engine.ask(SetTyping, paired.session, chat=chat, state=state)).problem is None
        while (seen := await asyncio.wait_for(ben.next_presence(), 20)).kind != kind:
            pass
        assert seen.person == paired.phone.number


async def test_who_is_there_is_told_to_those_who_are_there(paired: Pair, ben: Phone):
    await paired.named()
    await available(paired, True)
    person = f"{ben.account.lid}@lid"
    ben.set_presence(available=True)
    assert (await paired.engine.ask(WatchPresence, paired.session, person=person)).problem is None
    seen = await paired.engine.told(paired.session, PresenceSeen)
    assert seen == PresenceSeen(sender=person, available=True, last_seen=0)
    ben.set_presence(available=False)
    seen = await paired.engine.told(paired.session, PresenceSeen)
    assert (seen.sender, seen.available) == (person, False)
    assert seen.last_seen > 1_700_000_000


async def test_the_account_is_seen_there_and_away(paired: Pair, ben: Phone):
    await paired.named()
    ben.watch(paired.phone)
    for wanted, kind in ((True, "available"), (False, "unavailable")):
        assert (await available(paired, wanted)).problem is None
        while (seen := await asyncio.wait_for(ben.next_presence(), 20)).kind != kind:
            pass
        assert seen.person == paired.phone.number


async def test_calls_ring_end_and_are_rejected(paired: Pair, ben: Phone):
    call_id, caller = ben.call(paired.phone), f"{ben.account.lid}@lid"
    offered = await paired.engine.told(paired.session, CallSeen)
    assert (offered.call_id, offered.sender, offered.state) == (call_id, caller, "offered")
    assert offered.timestamp > 1_700_000_000
    ben.hang_up(call_id)
    assert (await paired.engine.told(paired.session, CallSeen)).state == "ended"

    call_id = ben.call(paired.phone, video=True)
    offered = await paired.engine.told(paired.session, CallSeen)
    answer = await paired.engine.ask(RejectCall, paired.session, sender=offered.sender, call_id=call_id)
    assert answer.problem is None
    while (news := await asyncio.wait_for(ben.next_call(), 20)).kind != "reject":
        pass
    assert news.call_id == call_id


async def test_a_call_that_is_none_is_refused(paired: Pair, ben: Phone):
    for sender, call_id in (("nobody", "A"), (f"{ben.account.lid}@lid", "a b"), ("1@g.us", "A")):
        answer = await paired.engine.ask(RejectCall, paired.session, sender=sender, call_id=call_id)
        assert answer.problem == "refused"


async def test_numbers_are_found_with_both_their_names(paired: Pair, ben: Phone):
    nobody = new_number()
    phones = (f"+{ben.number}", ben.number, nobody)
    found = (await paired.engine.ask(FindNumbers, paired.session, phones=phones)).numbers
    names = {"jid": f"{ben.number}@s.whatsapp.net", "lid": f"{ben.account.lid}@lid"}
    assert found == (
        NumberFound(phone=f"+{ben.number}", exists=True, **names),
        NumberFound(phone=ben.number, exists=True, **names),
        NumberFound(phone=nobody, exists=False),
    )


async def test_a_search_that_finds_nobody_is_no_error(paired: Pair):
    answer = await paired.engine.ask(FindNumbers, paired.session, phones=(new_number(),))
    assert (answer.problem, answer.numbers and answer.numbers[0].exists) == (None, False), answer
    assert (await paired.engine.ask(FindNumbers, paired.session, phones=())).numbers == ()


async def test_what_is_no_number_is_refused(paired: Pair):
    for phone in ("", "abc", "+49 177 1234567", "0177123456", "12345", "1" * 16, "491771234567\n"):
        answer = await paired.engine.ask(FindNumbers, paired.session, phones=(new_number(), phone))
        assert (answer.problem, "international" in answer.words) == ("refused", True), phone
    many = tuple(new_number() for _ in range(501))
    assert (await paired.engine.ask(FindNumbers, paired.session, phones=many)).problem == "refused"


async def test_each_log_in_tells_who_it_is(paired: Pair):
    account = await paired.named()
    phone = paired.phone
    assert account == LoggedInAs(
        device_jid=paired.device_jid,
        phone=f"+{phone.number}",
        lid=f"{phone.account.lid}@lid",
        display_name="Anna",
    )
    paired.network.faults.close(paired.device.name)
    assert await paired.engine.told(paired.session, LoggedInAs) == account


async def test_the_connection_is_told_as_the_library_sees_it(paired: Pair):
    answer = await paired.engine.ask(AskConnected, paired.session)
    assert answer.connected is True
    paired.network.faults.ban(paired.device.name)
    await paired.ended()
    answer = await paired.engine.ask(AskConnected, paired.session)
    assert answer.problem == "not_connected"
