"""Every kind of message both ways: what arrives is what was sent."""

import asyncio
from pathlib import Path
from typing import Any

from tests.sandbox.client import companion
from worker.sandbox import message_kinds
from worker.sandbox.library import Message
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


def kinds(chat: str) -> list[Outgoing]:
    return [
        message_kinds.reaction("👍", chat, "3A00"),
        message_kinds.reaction("", chat, "3A00"),
        message_kinds.edit("better words", chat, "3A00"),
        message_kinds.revoke(chat, "3A00"),
        message_kinds.location(52.52, 13.405, "Berlin"),
        message_kinds.contact("Carla", "4915550000"),
        message_kinds.poll("Where to?", "Sea", "Mountains"),
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
    """Clients add a context of their own, and hand edits over without their envelope."""
    copy = Message()
    copy.CopyFrom(content.editedMessage.message if content.HasField("editedMessage") else content)
    copy.ClearField("messageContextInfo")
    return copy
