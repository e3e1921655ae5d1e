"""Groups: talked in both ways, and what changes in them."""

import asyncio

from shared.contracts.messages import Edit, MessageKey, Quoted, Reaction, Revoke, Text, Unknown
from shared.contracts.told import GroupChanged
from tests.sandbox.conftest import new_number
from tests.whatsapp.pair import Pair
from tests.whatsapp.test_sending import read
from worker.sandbox import message_forms, message_kinds
from worker.sandbox.groups import Group
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def group_of(paired: Pair, *others: Phone) -> Group:
    """Made by anna, so that she is its admin."""
    group = await paired.phone.new_group("Hikers", *others)
    await paired.engine.told(paired.session, GroupChanged)
    return group


async def test_texts_go_both_ways(paired: Pair, ben: Phone):
    group = await group_of(paired, ben)
    for text in ("hello all", "and again, with the key that all know by now"):
        sent = await paired.send(str(group.jid), text)
        received = await read(ben)
        assert (received.message_id, received.chat, received.text) == (
            sent.whatsapp_id,
            str(group.jid),
            text,
        )
        whatsapp_id = await ben.send_text(group, text)
        told = await paired.heard()
        assert (told.whatsapp_id, told.chat, told.content) == (whatsapp_id, str(group.jid), Text(text=text))
        assert (told.sender, told.sender_phone) == (f"{ben.account.lid}@lid", f"+{ben.number}")
        assert told.chat_phone == ""


async def test_answers_and_mentions(paired: Pair, ben: Phone):
    group, lid = await group_of(paired, ben), f"{ben.account.lid}@lid"
    whatsapp_id = await ben.send_text(group, "who comes along?")
    quoted = Quoted(whatsapp_id=whatsapp_id, sender=(await paired.heard()).sender, text="who comes along?")
    await paired.send(str(group.jid), f"me, @{ben.account.lid}", reply_to=quoted, mentions=(lid,))
    answer = await read(ben)
    context = answer.content.extendedTextMessage.contextInfo
    assert (context.stanzaID, context.participant, list(context.mentionedJID)) == (whatsapp_id, lid, [lid])

    own = f"{paired.phone.account.lid}@lid"
    reply = message_forms.mentioning(message_kinds.reply("good", answer, author=own), own)
    await ben.send(group, reply)
    told = await paired.heard()
    assert told.reply_to == Quoted(whatsapp_id=answer.message_id, sender="", text=f"me, @{ben.account.lid}")
    assert told.mentions == (own,)


async def test_a_reaction_names_the_author_of_what_it_means(paired: Pair, ben: Phone):
    group = await group_of(paired, ben)
    theirs = await ben.send_text(group, "a view!")
    target = MessageKey(whatsapp_id=theirs, sender=(await paired.heard()).sender)
    await paired.send(str(group.jid), Reaction(target=target, emoji="😍"))
    key = (await read(ben)).content.reactionMessage.key
    assert (key.ID, key.fromMe, key.participant) == (theirs, False, f"{ben.account.lid}@lid")

    ours = await paired.send(str(group.jid), "and our lunch")
    await read(ben)
    reaction = message_kinds.reaction("😋", str(group.jid), ours.whatsapp_id)
    reaction.content.reactionMessage.key.participant = f"{paired.phone.account.lid}:3@lid"
    await ben.send(group, reaction)
    told = (await paired.heard()).content
    assert told == Reaction(target=MessageKey(whatsapp_id=ours.whatsapp_id), emoji="😋")


async def test_edits_and_deletions(paired: Pair, ben: Phone):
    group = await group_of(paired, ben)
    sent = await paired.send(str(group.jid), "helo")
    await read(ben)
    key = MessageKey(whatsapp_id=sent.whatsapp_id)
    await paired.send(str(group.jid), Edit(target=key, text="hello"))
    edited = (await read(ben)).content.editedMessage.message.protocolMessage
    assert (edited.key.ID, edited.key.fromMe) == (sent.whatsapp_id, True)
    await paired.send(str(group.jid), Revoke(target=key))
    assert (await read(ben)).content.protocolMessage.key.fromMe is True

    theirs = await ben.send_text(group, "helo")
    target = MessageKey(whatsapp_id=theirs, sender=(await paired.heard()).sender)
    await ben.send(group, message_kinds.edit("hello", str(group.jid), theirs))
    assert (await paired.heard()).content == Edit(target=target, text="hello")
    # An admin takes away what others wrote.
    await paired.send(str(group.jid), Revoke(target=target))
    protocol = (await read(ben)).content.protocolMessage
    assert (protocol.key.ID, protocol.key.fromMe) == (theirs, False)
    assert protocol.key.participant == f"{ben.account.lid}@lid"


async def test_only_an_admins_deletion_of_others_messages_is_told(paired: Pair, ben: Phone, sandbox: Sandbox):
    carla = await sandbox.network.new_phone(new_number(), "Carla")
    group = await ben.new_group("Hikers", paired.phone, carla)
    assert (await paired.engine.told(paired.session, GroupChanged)).joined
    whatsapp_id = await carla.send_text(group, "spam")
    author = (await paired.heard()).sender
    revoke = message_kinds.revoke(str(group.jid), whatsapp_id, author=author)
    await ben.send(group, revoke)
    assert (await paired.heard()).content == Revoke(target=MessageKey(whatsapp_id=whatsapp_id, sender=author))
    # Whoever is none writes the same, and the network does not call it an admin's.
    await ben.send(group, message_kinds.Outgoing(revoke.content, edit="7"))
    assert (await paired.heard()).content == Unknown(name="protocolMessage")


async def test_what_changes_in_a_group_is_told(paired: Pair, ben: Phone, sandbox: Sandbox):
    carla = await sandbox.network.new_phone(new_number(), "Carla")
    group = await ben.new_group("Hikers", paired.phone)
    joined = await paired.engine.told(paired.session, GroupChanged)
    assert (joined.group, joined.joined, joined.subject) == (str(group.jid), True, "Hikers")
    life, author = sandbox.network.group_life, ben.account
    member, lid = f"{carla.account.lid}@lid", f"{ben.account.lid}@lid"

    life.rename(group, author, "Climbers")
    changed = await paired.engine.told(paired.session, GroupChanged)
    assert (changed.group, changed.author, changed.subject) == (str(group.jid), lid, "Climbers")
    assert not changed.joined
    life.describe(group, author, "up and down", "1")
    assert (await paired.engine.told(paired.session, GroupChanged)).description == "up and down"
    for change, field in (
        ("add", "added"),
        ("promote", "promoted"),
        ("demote", "demoted"),
        ("remove", "removed"),
    ):
        life.change_members(group, author, change, [carla.account])
        changed = await paired.engine.told(paired.session, GroupChanged)
        assert getattr(changed, field) == (member,), change
        assert (changed.author, changed.subject) == (lid, "")
    assert abs(changed.timestamp - joined.timestamp) < 60


async def test_a_large_group_hears_us(paired: Pair, ben: Phone, sandbox: Sandbox):
    others = [await sandbox.network.new_phone(new_number(), f"Hiker {n}") for n in range(10)]
    group = await group_of(paired, ben, *others)
    sent = await paired.send(str(group.jid), "everybody here?")
    heard = await asyncio.gather(*(read(phone) for phone in (ben, *others)))
    assert {message.message_id for message in heard} == {sent.whatsapp_id}
