"""Every kind of message that a phone writes, as we tell it."""

import pytest

from shared.contracts.messages import (
    ContactCard,
    Contacts,
    Edit,
    Location,
    MessageKey,
    Poll,
    Quoted,
    Reaction,
    ReceivedContent,
    Revoke,
    Text,
    Unknown,
)
from tests.whatsapp.pair import Pair
from tests.whatsapp.test_sending import read
from worker.sandbox import message_forms, message_kinds
from worker.sandbox.library import Message
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phones import Phone

TEXTS = ["hello", "Grüße, 你好 👩‍👩‍👧‍👦", "two\nlines", "a" * 65_536]


@pytest.mark.parametrize("text", TEXTS)
async def test_a_text_tells_who_wrote_it_and_where(paired: Pair, ben: Phone, text: str):
    whatsapp_id = await ben.send_text(paired.phone, text)
    told = await paired.heard()
    assert (told.content, told.whatsapp_id, told.push_name) == (Text(text=text), whatsapp_id, "Ben")
    assert (told.sender_phone, told.sender_lid) == (f"+{ben.number}", f"{ben.account.lid}@lid")
    assert (told.chat, told.chat_phone, told.from_me) == (told.sender, f"+{ben.number}", False)
    (remembered,) = [message for message in paired.phone.inbox if message.message_id == whatsapp_id]
    assert told.timestamp == remembered.timestamp


async def test_what_the_owner_writes_on_the_phone_is_told(paired: Pair, ben: Phone):
    whatsapp_id = await paired.phone.send_text(ben, "from the phone")
    told = await paired.heard()
    assert (told.content, told.whatsapp_id, told.from_me) == (Text(text="from the phone"), whatsapp_id, True)
    assert told.chat in {f"{ben.account.lid}@lid", f"{ben.number}@s.whatsapp.net"}
    assert told.chat_phone == f"+{ben.number}"
    own = paired.phone
    assert (told.sender_phone, told.sender_lid) == (f"+{own.number}", f"{own.account.lid}@lid")


PLACE = Location(latitude=52.52, longitude=13.405, name="Berlin")
CARDS = [message_kinds.contact(name, "4915550000").content.contactMessage for name in ("Carla", "Dora")]
CONTACTS = tuple(ContactCard(name=card.displayName, vcard=card.vcard) for card in CARDS)
KINDS: list[tuple[Outgoing, ReceivedContent]] = [
    (message_kinds.location(52.52, 13.405, "Berlin"), PLACE),
    (
        message_kinds.live_location(52.52, 13.405, "on my way"),
        Location(latitude=52.52, longitude=13.405, name="on my way", live=True),
    ),
    (message_kinds.contact("Carla", "4915550000"), Contacts(cards=CONTACTS[:1])),
    (message_kinds.contacts(("Carla", "4915550000"), ("Dora", "4915550000")), Contacts(cards=CONTACTS)),
    (
        message_kinds.link("see https://example.org", "https://example.org", "Example"),
        Text(text="see https://example.org"),
    ),
    (message_kinds.poll("Where to?", "Sea", "Home"), Poll(question="Where to?", options=("Sea", "Home"))),
    (message_kinds.poll("?", "a", "b", choices=0), Poll(question="?", options=("a", "b"), selectable=0)),
    (message_kinds.pin("1@lid", "3A00"), Unknown(name="pinInChatMessage")),
]


async def test_each_kind_is_told_as_what_it_is(paired: Pair, ben: Phone):
    for outgoing, content in KINDS:
        whatsapp_id = await ben.send(paired.phone, outgoing)
        told = await paired.heard()
        assert (told.whatsapp_id, told.content) == (whatsapp_id, content)


@pytest.mark.parametrize("form", ["pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV5"])
async def test_each_form_of_a_poll_is_one(paired: Pair, ben: Phone, form: str):
    content = Message()
    getattr(content, form).CopyFrom(message_kinds.poll("Where to?", "Sea").content.pollCreationMessageV3)
    await ben.send(paired.phone, Outgoing(content, "poll"))
    assert (await paired.heard()).content == Poll(question="Where to?", options=("Sea",))


async def test_wrappers_are_taken_off(paired: Pair, ben: Phone):
    soon_gone = message_forms.ephemeral(message_kinds.text("soon gone"), 86_400)
    await ben.send(paired.phone, message_forms.forwarded(soon_gone))
    told = await paired.heard()
    assert (told.content, told.ephemeral, told.forwarded) == (Text(text="soon gone"), True, True)


async def test_answers_and_mentions_are_told(paired: Pair, ben: Phone):
    sent = await paired.send(ben, "a question")
    question = await read(ben)
    address = f"{paired.phone.account.lid}@lid"
    mentioning = message_forms.mentioning(
        message_kinds.reply("an answer", question, author=f"{paired.phone.account.lid}:7@lid"), address
    )
    await ben.send(paired.phone, mentioning)
    told = await paired.heard()
    assert (told.content, told.mentions) == (Text(text="an answer"), (address,))
    assert told.reply_to == Quoted(whatsapp_id=sent.whatsapp_id, sender="", text="a question")


async def test_an_answer_to_themselves_names_them(paired: Pair, ben: Phone):
    await paired.send(ben, "so that ben has a message of this chat")
    first = await read(ben)
    author = f"{ben.account.lid}@lid"
    await ben.send(paired.phone, message_kinds.reply("as I said", first, author=author))
    reply_to = (await paired.heard()).reply_to
    assert reply_to is not None
    assert reply_to.sender == author


async def test_reactions_say_whose_message_they_mean(paired: Pair, ben: Phone):
    chat, own = str(paired.phone.account.lid_jid), await paired.send(ben, "mine")
    theirs = await ben.send_text(paired.phone, "yours")
    sender = (await paired.heard()).sender
    for whatsapp_id, from_me, author in ((own.whatsapp_id, False, ""), (theirs, True, sender)):
        for emoji in ("👍🏽", ""):
            await ben.send(paired.phone, message_kinds.reaction(emoji, chat, whatsapp_id, from_me=from_me))
            told = (await paired.heard()).content
            assert told == Reaction(target=MessageKey(whatsapp_id=whatsapp_id, sender=author), emoji=emoji)


async def test_the_owners_own_reactions_say_so_as_well(paired: Pair, ben: Phone):
    theirs = await ben.send_text(paired.phone, "yours")
    sender = (await paired.heard()).sender
    await paired.phone.send(ben, message_kinds.reaction("👍", str(ben.account.lid_jid), theirs))
    told = await paired.heard()
    target = MessageKey(whatsapp_id=theirs, sender=sender)
    assert (told.from_me, told.content) == (True, Reaction(target=target, emoji="👍"))


@pytest.mark.parametrize("enveloped", [True, False])
async def test_an_edit_is_told(paired: Pair, ben: Phone, enveloped: bool):
    whatsapp_id = await ben.send_text(paired.phone, "helo")
    sender, chat = (await paired.heard()).sender, str(paired.phone.account.lid_jid)
    await ben.send(paired.phone, message_kinds.edit("hello", chat, whatsapp_id, enveloped=enveloped))
    target = MessageKey(whatsapp_id=whatsapp_id, sender=sender)
    assert (await paired.heard()).content == Edit(target=target, text="hello")


async def test_a_deletion_is_told(paired: Pair, ben: Phone):
    whatsapp_id = await ben.send_text(paired.phone, "oops")
    sender, chat = (await paired.heard()).sender, str(paired.phone.account.lid_jid)
    await ben.send(paired.phone, message_kinds.revoke(chat, whatsapp_id))
    assert (await paired.heard()).content == Revoke(target=MessageKey(whatsapp_id=whatsapp_id, sender=sender))


async def test_nothing_is_told_of_what_only_clients_say_to_each_other(paired: Pair, ben: Phone):
    noise = Message()
    noise.protocolMessage.type = noise.protocolMessage.EPHEMERAL_SETTING
    noise.protocolMessage.ephemeralExpiration = 86_400
    await ben.send(paired.phone, Outgoing(noise))
    keys = Message()
    keys.senderKeyDistributionMessage.groupID = "1@g.us"
    await ben.send(paired.phone, Outgoing(keys))
    await ben.send_text(paired.phone, "the first that is told")
    assert (await paired.heard()).content == Text(text="the first that is told")
