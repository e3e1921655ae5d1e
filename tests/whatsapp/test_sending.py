"""Every kind of message that we send, as the phone of the other person gets it."""

import asyncio
import hashlib
from typing import Any

import pytest

from shared.contracts.messages import (
    ContactCard,
    Contacts,
    Edit,
    Location,
    MessageKey,
    Poll,
    PollVote,
    Quoted,
    Reaction,
    Revoke,
    Text,
)
from tests.whatsapp.pair import Pair
from worker.sandbox import message_kinds
from worker.sandbox.correspondence import Received
from worker.sandbox.phones import Phone

CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Carla\nTEL;waid=4915550000:+4915550000\nEND:VCARD"


async def read(phone: Phone) -> Received:
    return await asyncio.wait_for(phone.next_message(), 20)


@pytest.mark.parametrize(
    "text",
    ["hello", "Grüße, 你好 👩‍👩‍👧‍👦", "two\nlines\u2028and more", "a" * 65_536, "_" + "👍" * 32_767 + "x"],
)
async def test_plain_text_goes_out_in_the_plain_form(paired: Pair, ben: Phone, text: str):
    sent = await paired.send(ben, text)
    received = await read(ben)
    assert (received.message_id, received.content.conversation) == (sent.whatsapp_id, text)
    assert abs(received.timestamp - sent.timestamp) <= 1


async def test_the_owners_phone_sees_what_was_sent(paired: Pair, ben: Phone):
    sent = await paired.send(ben, "hello")
    copy = await read(paired.phone)
    assert (copy.message_id, copy.from_me, copy.chat, copy.text) == (
        sent.whatsapp_id,
        True,
        ben.number,
        "hello",
    )


async def test_a_location(paired: Pair, ben: Phone):
    place = Location(latitude=-33.8568, longitude=151.2153, name="Opera House", address="Bennelong Point")
    await paired.send(ben, place)
    told = (await read(ben)).content.locationMessage
    assert (told.degreesLatitude, told.degreesLongitude) == (-33.8568, 151.2153)
    assert (told.name, told.address) == ("Opera House", "Bennelong Point")


async def test_a_live_location(paired: Pair, ben: Phone):
    await paired.send(ben, Location(latitude=0.0, longitude=-180.0, name="on my way", live=True))
    told = (await read(ben)).content.liveLocationMessage
    assert (told.degreesLatitude, told.degreesLongitude, told.caption) == (0.0, -180.0, "on my way")


async def test_contact_cards(paired: Pair, ben: Phone):
    carla = ContactCard(name="Carla", vcard=CARD)
    await paired.send(ben, Contacts(cards=(carla,)))
    told = (await read(ben)).content.contactMessage
    assert (told.displayName, told.vcard) == ("Carla", CARD)
    await paired.send(ben, Contacts(cards=(carla, carla)))
    several = (await read(ben)).content.contactsArrayMessage
    assert [(card.displayName, card.vcard) for card in several.contacts] == [("Carla", CARD)] * 2


@pytest.mark.parametrize("selectable", [1, 0, 2])
async def test_a_poll_and_its_votes(paired: Pair, ben: Phone, selectable: int):
    poll = Poll(question="Where to?", options=("Sea", "Mountains", "Home"), selectable=selectable)
    sent = await paired.send(ben, poll)
    received = await read(ben)
    told = received.content.pollCreationMessage
    assert (told.name, [option.optionName for option in told.options]) == ("Where to?", list(poll.options))
    assert told.selectableOptionsCount == selectable
    assert len(received.content.messageContextInfo.messageSecret) == 32

    await ben.vote(received, "Mountains")
    vote = (await paired.heard()).content
    assert vote == PollVote(
        poll=MessageKey(whatsapp_id=sent.whatsapp_id), chosen=(hashlib.sha256(b"Mountains").digest(),)
    )
    await ben.vote(received)
    assert (await paired.heard()).content == PollVote(poll=MessageKey(whatsapp_id=sent.whatsapp_id))


async def test_a_vote_in_the_poll_of_somebody_else(paired: Pair, ben: Phone):
    await ben.send(paired.phone, message_kinds.poll("Where to?", "Sea", "Mountains", secret=bytes(range(32))))
    poll = await paired.heard()
    target = MessageKey(whatsapp_id=poll.whatsapp_id, sender=poll.sender)
    await paired.send(poll.chat, PollVote(poll=target, options=("Sea",)))
    assert ben.read_vote(await read(ben)) == ("Sea",)
    await paired.send(poll.chat, PollVote(poll=target))
    assert ben.read_vote(await read(ben)) == ()


async def test_a_vote_in_a_poll_that_nobody_knows_is_refused(paired: Pair, ben: Phone):
    vote = PollVote(poll=MessageKey(whatsapp_id="3A00", sender=f"{ben.account.lid}@lid"), options=("Sea",))
    answer = await paired.engine.send(paired.session, f"{ben.account.lid}@lid", vote)
    assert (answer.problem, "poll is not known" in answer.words) == ("refused", True), answer


async def test_an_answer_quotes_and_mentions(paired: Pair, ben: Phone):
    whatsapp_id = await ben.send_text(paired.phone, "what do you think?")
    question = await paired.heard()
    quoted = Quoted(whatsapp_id=whatsapp_id, sender=question.sender, text="what do you think?")
    address = f"{ben.number}@s.whatsapp.net"
    await paired.send(ben, f"I like it, @{ben.number}", reply_to=quoted, mentions=(address,))
    told = (await read(ben)).content.extendedTextMessage
    assert told.text == f"I like it, @{ben.number}"
    assert (told.contextInfo.stanzaID, told.contextInfo.participant) == (whatsapp_id, question.sender)
    assert told.contextInfo.quotedMessage.conversation == "what do you think?"
    assert list(told.contextInfo.mentionedJID) == [address]


async def test_an_answer_to_ourselves_names_ourselves(paired: Pair, ben: Phone):
    sent = await paired.send(ben, "first")
    await read(ben)
    await paired.send(ben, "second", reply_to=Quoted(whatsapp_id=sent.whatsapp_id, text="first"))
    context = (await read(ben)).content.extendedTextMessage.contextInfo
    assert context.participant in {f"{paired.phone.number}@s.whatsapp.net", f"{paired.phone.account.lid}@lid"}


async def test_a_forwarded_message_says_so(paired: Pair, ben: Phone):
    for content, field in (
        (Text(text="heard elsewhere"), "extendedTextMessage"),
        (Location(latitude=1.0, longitude=2.0), "locationMessage"),
        (Poll(question="?", options=("a", "b")), "pollCreationMessage"),
        (Contacts(cards=(ContactCard(name="Carla", vcard=CARD),)), "contactMessage"),
    ):
        await paired.send(ben, content, forwarded=True)
        context = getattr((await read(ben)).content, field).contextInfo
        assert (context.isForwarded, context.forwardingScore) == (True, 1)


async def test_reactions_to_their_messages_and_to_ours(paired: Pair, ben: Phone):
    theirs = await ben.send_text(paired.phone, "react to this")
    heard = await paired.heard()
    ours = await paired.send(ben, "or to this")
    await read(ben)
    for key, from_me in (
        (MessageKey(whatsapp_id=theirs, sender=heard.sender), False),
        (MessageKey(whatsapp_id=ours.whatsapp_id), True),
    ):
        for emoji in ("👍🏽", ""):
            await paired.send(ben, Reaction(target=key, emoji=emoji))
            told = (await read(ben)).content.reactionMessage
            assert (told.key.ID, told.key.fromMe, told.text) == (key.whatsapp_id, from_me, emoji)


async def test_an_edit_and_a_deletion(paired: Pair, ben: Phone):
    sent = await paired.send(ben, "helo")
    await read(ben)
    key = MessageKey(whatsapp_id=sent.whatsapp_id)
    await paired.send(ben, Edit(target=key, text="hello"))
    protocol = (await read(ben)).content.editedMessage.message.protocolMessage
    assert (protocol.key.ID, protocol.key.fromMe) == (sent.whatsapp_id, True)
    assert (protocol.type, protocol.editedMessage.conversation) == (protocol.MESSAGE_EDIT, "hello")
    await paired.send(ben, Revoke(target=key))
    protocol = (await read(ben)).content.protocolMessage
    assert (protocol.key.ID, protocol.key.fromMe, protocol.type) == (
        sent.whatsapp_id,
        True,
        protocol.REVOKE,
    )


BAD: list[tuple[Any, str]] = [
    (Text(text=""), "empty"),
    (Text(text=" \n"), "empty"),
    (Text(text="a" * 65_537), "65,537 characters"),
    (Location(latitude=90.5, longitude=0.0), "latitude"),
    (Location(latitude=float("nan"), longitude=0.0), "latitude"),
    (Location(latitude=0.0, longitude=float("inf")), "longitude"),
    (Location(latitude=0.0, longitude=0.0, address="Street 1", live=True), "address"),
    (Contacts(cards=()), "no contact card"),
    (Contacts(cards=(ContactCard(name="x", vcard="nothing"),)), "BEGIN:VCARD"),
    (Contacts(cards=(ContactCard(name="x", vcard=CARD + "x" * 65_536),)), "characters"),
    (Contacts(cards=(ContactCard(name="x", vcard=CARD),) * 101), "at most 100"),
    (Poll(question="?", options=()), "2 to 12"),
    (Poll(question="?", options=("one",)), "2 to 12"),
    (Poll(question="?", options=tuple(map(str, range(13)))), "2 to 12"),
    (Poll(question="?", options=("same", "same")), "only once"),
    (Poll(question="", options=("a", "b")), "empty"),
    (Poll(question="?", options=("a", " ")), "empty"),
    (Poll(question="?", options=("a", "b"), selectable=3), "choose"),
    (Poll(question="?", options=("a", "b"), selectable=-1), "choose"),
    (Reaction(target=MessageKey(whatsapp_id="two words"), emoji="x"), "no id"),
    (Reaction(target=MessageKey(whatsapp_id="A"), emoji="x" * 65), "reaction"),
    (Reaction(target=MessageKey(whatsapp_id="A", sender="not an address"), emoji="x"), "address"),
    (Edit(target=MessageKey(whatsapp_id="A", sender="123456@lid"), text="x"), "one's own"),
    (Edit(target=MessageKey(whatsapp_id="A"), text=""), "empty"),
    (Revoke(target=MessageKey(whatsapp_id="A", sender="123456@lid")), "one's own"),
    (Revoke(target=MessageKey(whatsapp_id="A\0B")), "no id"),
    (PollVote(poll=MessageKey(whatsapp_id="A"), chosen=(b"x" * 32,)), "names of its options"),
]


async def test_what_cannot_be_sent_is_refused_in_plain_words(paired: Pair, ben: Phone):
    for content, words in BAD:
        answer = await paired.engine.send(paired.session, f"{ben.number}@s.whatsapp.net", content)
        assert (answer.problem, words in answer.words) == ("refused", True), (content, answer)
    sent = await paired.send(ben, "and nothing of it arrived")
    assert (await read(ben)).message_id == sent.whatsapp_id


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"mentions": ("1@g.us",)}, "person"),
        ({"mentions": ("123456@lid",) * 1025}, "at most"),
        ({"reply_to": Quoted(whatsapp_id="")}, "no id"),
        ({"reply_to": Quoted(whatsapp_id="A", sender="x y")}, "address"),
    ],
)
async def test_a_wrong_context_is_refused(paired: Pair, ben: Phone, context: dict[str, Any], words: str):
    answer = await paired.engine.send(
        paired.session, f"{ben.number}@s.whatsapp.net", Text(text="x"), **context
    )
    assert (answer.problem, words in answer.words) == ("refused", True), answer


async def test_a_reaction_cannot_be_an_answer(paired: Pair, ben: Phone):
    reaction = Reaction(target=MessageKey(whatsapp_id="A"), emoji="x")
    answer = await paired.engine.send(
        paired.session, f"{ben.number}@s.whatsapp.net", reaction, forwarded=True
    )
    assert answer.problem == "refused"


async def test_a_number_that_nobody_has_is_told_as_such(paired: Pair):
    answer = await paired.engine.send_text(paired.session, "4900000000001@s.whatsapp.net", "x")
    assert (answer.problem, answer.words) == ("refused", "nobody on WhatsApp has this number")
