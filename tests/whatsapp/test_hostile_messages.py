"""What strangers may send: nothing of it ends an engine, hurts a neighbour or goes on in a wrong form."""

from typing import Any

import pytest

from shared.contracts.messages import Contacts, Poll, Text, Unknown
from tests.whatsapp.pair import Pair
from worker.sandbox import message_kinds
from worker.sandbox.library import Message
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phones import Phone
from worker.whatsapp.incoming import fields


def field(number: int, content: bytes) -> bytes:
    """One of a protobuf by hand: of a kind that no encoder writes."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    written = b""
    while value > 0x7F:
        written += bytes([value & 0x7F | 0x80])
        value >>= 7
    return written + bytes([value])


def wrapped(depth: int) -> Any:
    content = Message(conversation="deep inside")
    for _ in range(depth):
        outer = Message()
        outer.ephemeralMessage.message.CopyFrom(content)
        content = outer
    return content


def keyed(**fields: Any) -> Any:
    content = Message()
    content.reactionMessage.text = "👍"
    for name, value in fields.items():
        setattr(content.reactionMessage.key, name, value)
    return content


def located(latitude: float, longitude: float) -> Any:
    return message_kinds.location(latitude, longitude).content


def protocol(kind: int) -> Any:
    content = Message()
    content.protocolMessage.type = kind
    return content


UNKNOWN: list[tuple[Any, str]] = [
    (located(float("nan"), 0.0), "locationMessage"),
    (located(0.0, float("inf")), "locationMessage"),
    (located(91.0, 0.0), "locationMessage"),
    (keyed(), "reactionMessage"),
    (keyed(ID="two words"), "reactionMessage"),
    (keyed(ID="x" * 5000), "reactionMessage"),
    (protocol(0), "protocolMessage"),
    (protocol(14), "protocolMessage"),
    (wrapped(12), "ephemeralMessage"),
    (wrapped(50), "ephemeralMessage"),
]


@pytest.mark.parametrize(("content", "name"), UNKNOWN, ids=map(str, range(len(UNKNOWN))))
async def test_what_makes_no_sense_is_told_as_unknown(paired: Pair, ben: Phone, content: Any, name: str):
    await ben.send(paired.phone, Outgoing(content))
    assert (await paired.heard()).content == Unknown(name=name)
    await still_well(paired, ben)


async def still_well(paired: Pair, ben: Phone) -> None:
    await ben.send_text(paired.phone, "still well?")
    assert (await paired.heard()).content == Text(text="still well?")


BROKEN = b"broken \xff\xfe\xed\xa0\x80 end"


async def test_text_that_is_no_utf_8_is_told_with_replacements(paired: Pair, ben: Phone):
    plain = field(1, BROKEN)
    contacts = field(4, field(1, BROKEN) + field(16, BROKEN))
    poll = field(64, field(2, BROKEN) + field(3, field(1, BROKEN)))
    replaced = BROKEN.decode(errors="replace")
    for packed in (plain, contacts, poll):
        await ben.send(paired.phone, Outgoing(Message.FromString(packed)))
        content = (await paired.heard()).content
        match content:
            case Text(text=text):
                assert text == replaced
            case Contacts(cards=(card,)):
                assert (card.name, card.vcard) == (replaced, replaced)
            case Poll(question=question, options=options):
                assert (question, options) == (replaced, (replaced,))
            case _:
                raise AssertionError(content)
    await still_well(paired, ben)


async def test_a_zero_in_a_text_does_not_go_on(paired: Pair, ben: Phone):
    await ben.send_text(paired.phone, "before\0after")
    assert (await paired.heard()).content == Text(text="before\ufffdafter")


async def test_a_vote_with_a_nonce_of_a_wrong_length_does_not_end_the_engine(paired: Pair, ben: Phone):
    poll = Poll(question="?", options=("a", "b"))
    sent = await paired.send(ben, poll)
    for nonce in (b"", b"short", b"x" * 64):
        content = Message()
        update = content.pollUpdateMessage
        update.pollCreationMessageKey.ID = sent.whatsapp_id
        update.pollCreationMessageKey.remoteJID = str(paired.phone.account.lid_jid)
        update.vote.encIV, update.vote.encPayload = nonce, b"x" * 50
        await ben.send(paired.phone, Outgoing(content, "poll"))
        assert (await paired.heard()).content == Unknown(name="pollUpdateMessage")
    await still_well(paired, ben)


async def test_a_forged_vote_is_told_as_unknown(paired: Pair, ben: Phone):
    content = Message()
    content.pollUpdateMessage.vote.encIV, content.pollUpdateMessage.vote.encPayload = b"x" * 12, b""
    await ben.send(paired.phone, Outgoing(content, "poll"))
    assert (await paired.heard()).content == Unknown(name="pollUpdateMessage")
    await still_well(paired, ben)


async def test_nobody_edits_or_deletes_what_others_wrote(paired: Pair, ben: Phone):
    sent = await paired.send(ben, "my own words")
    for kind in (0, 14):
        content = protocol(kind)
        content.protocolMessage.key.ID, content.protocolMessage.key.fromMe = sent.whatsapp_id, False
        content.protocolMessage.editedMessage.conversation = "words of others"
        await ben.send(paired.phone, Outgoing(content, edit="1" if kind else "7"))
        assert (await paired.heard()).content == Unknown(name="protocolMessage")


async def test_a_large_message_arrives_whole(paired: Pair, ben: Phone):
    cards = message_kinds.contacts(*((f"Person {n}", "4915550000") for n in range(5000)))
    await ben.send(paired.phone, cards)
    content = (await paired.heard()).content
    assert isinstance(content, Contacts)
    assert len(content.cards) == 5000
    await ben.send_text(paired.phone, "x" * 3_000_000)
    assert (await paired.heard()).content == Text(text="x" * 3_000_000)


async def test_no_text_and_no_number_stands_in_the_log(paired: Pair, ben: Phone):
    await ben.send(paired.phone, Outgoing(keyed(ID="a b", participant="a-text-nobody-should-read")))
    await paired.heard()
    await ben.send_text(paired.phone, "a-text-nobody-should-read")
    await paired.heard()
    await paired.send(ben, "a-text-nobody-should-read")
    log = paired.engine.log.read_text()
    assert "a-text-nobody" not in log
    assert ben.number not in log


@pytest.mark.parametrize("written", ["", "two words", "x" * 129, "ü", "a\0b", b"\xff"])
def test_an_id_that_cannot_be_passed_on_becomes_one_that_can(written: str | bytes):
    told = fields.id_of_told(written)
    assert fields.message_id(told) == told != ""
    assert told == fields.id_of_told(written) != fields.id_of_told("another")
    assert fields.id_of_told("3EB0") == "3EB0"
