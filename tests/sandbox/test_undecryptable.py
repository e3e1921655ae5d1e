"""Messages that a client cannot read, and what it says of them."""

import asyncio
from pathlib import Path

from tests.sandbox.client import companion
from tests.waiting import until
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def test_an_unreadable_message_that_is_sent_again_arrives_in_the_end(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        message_id = await ben.send_unreadable(anna, "at last", answers_retry=True)
        told = await client.event("undecryptable")
        assert told["Info"]["ID"] == message_id
        assert told["IsUnavailable"] is False
        message = await client.event("message")
        assert (message["id"], message["text"]) == (message_id, "at last")
        # Anna's phone could not read it either, and asked as well.
        assert (await asyncio.wait_for(anna.next_message(), 10)).text == "at last"


async def test_an_unreadable_message_that_is_never_sent_again_stays_unread(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        await ben.send_text(anna, "to begin with")
        await client.event("message")
        message_id = await ben.send_unreadable(anna)
        assert (await client.event("undecryptable"))["Info"]["ID"] == message_id
        await ben.send_text(anna, "so much for that")
        assert (await client.event("message"))["text"] == "so much for that"
        assert not client.has("message")


async def test_a_client_learns_of_what_only_phones_may_see(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        message_id = await ben.send_withheld(anna)
        told = await client.event("undecryptable")
        assert (told["Info"]["ID"], told["IsUnavailable"]) == (message_id, True)
        assert told["Info"]["MessageSource"]["Sender"]["User"] == ben.account.lid

        async def acknowledged() -> bool:
            return sandbox.network.mailbox.waiting(device) == []

        await until(acknowledged)


async def test_an_unreadable_message_of_a_group(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await ben.new_group("Noise", anna)
        await ben.send_text(group, "clear")
        while (await client.event("message"))["text"] != "clear":
            pass
        message_id = await ben.send_unreadable(group, "clear again", answers_retry=True)
        assert (await client.event("undecryptable"))["Info"]["ID"] == message_id
        message = await client.event("message")
        while not message["text"]:
            message = await client.event("message")
        assert (message["id"], message["text"]) == (message_id, "clear again")
