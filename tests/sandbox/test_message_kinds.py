"""Every kind of message both ways: what arrives is what was sent."""

import asyncio
import os
from pathlib import Path
from typing import Any

from tests.sandbox.client import Client, companion
from worker.sandbox import media, message_forms, message_kinds
from worker.sandbox.library import Message
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


def kinds(chat: str) -> list[Outgoing]:
    return [
        message_kinds.reaction("👍", chat, "3A00"),
        message_kinds.reaction("", chat, "3A00"),
        message_kinds.edit("better words", chat, "3A00"),
        message_kinds.edit("better words, written by others", chat, "3A00", enveloped=False),
        message_kinds.revoke(chat, "3A00"),
        message_kinds.pin(chat, "3A00"),
        message_kinds.pin(chat, "3A00", seconds=0),
        message_kinds.location(52.52, 13.405, "Berlin"),
        message_kinds.contact("Carla", "4915550000"),
        message_kinds.contacts(("Carla", "4915550000"), ("Dora", "4915550001")),
        message_kinds.live_location(52.52, 13.405, "on my way", sequence=7),
        message_kinds.link("see https://example.org", "https://example.org", "Example", "A page"),
        message_kinds.poll("Where to?", "Sea", "Mountains", secret=os.urandom(32)),
        message_forms.forwarded(message_kinds.text("heard elsewhere"), times=4),
        message_forms.mentioning(message_kinds.text("hello @4915550000"), "4915550000@s.whatsapp.net"),
        message_forms.ephemeral(message_kinds.text("soon gone"), 86_400),
        message_forms.forwarded(message_forms.ephemeral(message_kinds.location(1.5, 2.5), 90)),
    ]


async def test_every_kind_arrives_at_the_client(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        for outgoing in kinds(str(anna.account.lid_jid)):
            message_id = await ben.send(anna, outgoing)
            message = await client.event("message")
            assert message["id"] == message_id
            assert _essence(Message.FromString(bytes.fromhex(message["content"]))) == _essence(
                outgoing.content
            )


async def test_every_kind_arrives_at_the_phone(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        for outgoing in kinds(str(ben.account.lid_jid)):
            content = outgoing.content.SerializeToString().hex()
            message_id = await client.call("send_content", to=ben.number, content=content)
            received = await asyncio.wait_for(ben.next_message(), 10)
            assert received.message_id == message_id
            assert _essence(received.content) == _essence(outgoing.content)


async def test_what_a_voice_note_says_of_itself_arrives(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        waveform = bytes(range(64))
        await ben.send_file(anna, "voice", b"OggS", "audio/ogg; codecs=opus", seconds=3, waveform=waveform)
        note = (await _content(client)).audioMessage
        assert (note.PTT, note.seconds, note.waveform) == (True, 3, waveform)
        await ben.send_file(anna, "gif", b"moving", "video/mp4", seconds=1)
        assert (await _content(client)).videoMessage.gifPlayback is True
        await ben.send_file(anna, "video_note", b"round", "video/mp4", seconds=9)
        assert (await _content(client)).ptvMessage.seconds == 9
        await ben.send_file(anna, "sticker", b"RIFF", "image/webp", width=512, height=512)
        sticker = (await _content(client)).stickerMessage
        assert (sticker.mimetype, sticker.width) == ("image/webp", 512)


async def test_an_image_to_be_seen_once_is_marked_as_such(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        image = media.file_message(sandbox.network.media, "image", b"one look", "image/jpeg")
        await ben.send(anna, message_forms.view_once(Outgoing(image, "media")))
        event = await client.event("message")
        assert event["view_once"] is True
        seen: Any = Message.FromString(bytes.fromhex(event["content"]))
        assert seen.imageMessage.viewOnce is True
        assert bytes.fromhex(await client.call("download", content=event["content"])) == b"one look"
        # Her phone opens the same envelope by itself.
        assert anna.read_file(await asyncio.wait_for(anna.next_message(), 10)) == b"one look"


async def test_an_admin_takes_away_what_somebody_else_wrote(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await ben.new_group("Order", anna)
        await client.event("joined_group")
        written = await client.call("send_to_group", group=group.group_id, text="out of order")
        author = str(anna.account.lid_jid)
        await ben.send(group, message_kinds.revoke(str(group.jid), written, author))
        content = await _content(client)
        while not content.HasField("protocolMessage"):
            content = await _content(client)
        key = content.protocolMessage.key
        assert (key.ID, key.participant, key.fromMe) == (written, author, False)


async def test_a_reply_quotes_what_it_answers(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        asked = await client.call("send", to=ben.number, text="coming?")
        question = await asyncio.wait_for(ben.next_message(), 10)
        await ben.send(anna, message_kinds.reply("yes", question, str(anna.account.lid_jid)))
        answer: Any = Message.FromString(bytes.fromhex((await client.event("message"))["content"]))
        assert answer.extendedTextMessage.text == "yes"
        assert answer.extendedTextMessage.contextInfo.stanzaID == asked
        assert answer.extendedTextMessage.contextInfo.quotedMessage.conversation == "coming?"


def _essence(content: Any) -> Any:
    """Clients add a context of their own, and hand messages over without their envelopes."""
    copy = Message()
    bare = message_forms.innermost(content)
    copy.CopyFrom(bare.editedMessage.message if bare.HasField("editedMessage") else bare)
    copy.ClearField("messageContextInfo")
    return copy


async def _content(client: Client) -> Any:
    return Message.FromString(bytes.fromhex((await client.event("message"))["content"]))
