"""Text between a client and a phone, and the receipts for it."""

import asyncio
from pathlib import Path

import pytest

from tests.sandbox.client import companion, running_client
from tests.waiting import until
from worker.sandbox.options import Options
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

DELIVERED, READ = 1, 4
TEXTS = ["hello", "Grüße, 你好, שלום, नमस्ते", "👩‍👩‍👧‍👦🏳️‍🌈", "a" * 65_536, "line\nline\ttab"]


async def test_texts_both_ways_arrive_as_they_were_sent(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        for text in TEXTS:
            message_id = await client.call("send", to=ben.number, text=text)
            received = await asyncio.wait_for(ben.next_message(), 10)
            assert (received.text, received.message_id) == (text, message_id)
            assert (received.chat, received.from_me) == (anna.number, False)

            message_id = await ben.send_text(anna, text)
            message = await client.event("message")
            assert (message["text"], message["id"]) == (text, message_id)
            assert (message["sender_number"], message["name"]) == (ben.number, "Ben")
            assert message["chat"] == str(ben.account.lid_jid)


async def test_what_the_client_sends_its_own_phone_sees_too(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await client.call("send", to=ben.number, text="from the companion")
        copy = await asyncio.wait_for(anna.next_message(), 10)
        assert (copy.text, copy.chat, copy.from_me) == ("from the companion", ben.number, True)
        assert copy.sender == device

        await anna.send_text(ben, "from the phone")
        own = await client.event("message")
        assert (own["text"], own["from_me"]) == ("from the phone", True)
        assert own["chat"] == str(ben.account.lid_jid)


async def test_the_sender_learns_of_delivery_and_reading(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        ids = [await client.call("send", to=ben.number, text=text) for text in ("one", "two")]
        for message_id in ids:
            receipt = await client.event("receipt")
            assert (receipt["ids"], receipt["type"]) == ([message_id], DELIVERED)

        await ben.mark_read(*[await ben.next_message() for _ in ids])
        receipt = await client.event("receipt")
        assert (sorted(receipt["ids"]), receipt["type"]) == (sorted(ids), READ)


async def test_the_phone_learns_that_the_client_has_received_and_read(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        message_id = await ben.send_text(anna, "did you get it?")
        # Anna's phone has it first; her client is not online for others, so it counts as inactive.
        kinds = {}
        for _ in range(2):
            receipt = await asyncio.wait_for(ben.next_receipt(), 10)
            kinds[receipt.sender] = (receipt.message_ids, receipt.kind)
        assert kinds[device] == ((message_id,), "inactive")

        message = await client.event("message")
        await client.call("mark_read", ids=[message["id"]], chat=message["chat"])
        receipt = await asyncio.wait_for(ben.next_receipt(), 10)
        assert (receipt.message_ids, receipt.kind, receipt.sender) == ((message_id,), "read", device)


async def test_messages_for_a_client_that_is_away_wait_for_it(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await client.call("stop")
    sent = [await ben.send_text(anna, f"while you were away {number}") for number in range(5)]

    async with running_client(sandbox, tmp_path, str(device)) as client:
        await client.call("connect")
        received = [await client.event("message") for _ in sent]
        assert [message["id"] for message in received] == sent
        await client.event("offline_sync_completed")

        # The client acknowledges after it has told us: only then nothing comes a second time.
        async def acknowledged() -> bool:
            return sandbox.network.mailbox.waiting(device) == []

        await until(acknowledged)
        await client.call("stop")


async def test_a_phone_that_lost_its_session_asks_for_the_message_again(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await ben.send_text(anna, "so that both have answered")
        await client.event("message")
        await client.call("send", to=ben.number, text="first")
        assert (await asyncio.wait_for(ben.next_message(), 10)).text == "first"

        ben.forget_session(device)
        await client.call("send", to=ben.number, text="second")
        assert (await asyncio.wait_for(ben.next_message(), 10)).text == "second"


async def test_a_number_without_an_account_is_told_apart(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        assert await client.call("is_on_whatsapp", number=ben.number) is True
        assert await client.call("is_on_whatsapp", number="4915559999999") is False
        with pytest.raises(RuntimeError, match="LID"):
            await client.call("send", to="4915559999999", text="nobody there")


async def test_the_journal_knows_every_accepted_message(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        ids = [await client.call("send", to=ben.number, text=f"{number}") for number in range(3)]
    accepted = sandbox.network.journal.entries("message", device)
    assert [(entry.message_id, entry.recipient) for entry in accepted] == [(sent, ben.number) for sent in ids]


async def test_a_lazy_phone_opens_messages_when_somebody_looks(tmp_path: Path) -> None:
    async with Sandbox(tmp_path / "network", options=Options(lazy_phones=True)) as sandbox:
        anna = await sandbox.network.new_phone("4915551234567")
        ben = await sandbox.network.new_phone("4915551234568")
        async with companion(sandbox, anna, tmp_path) as (client, _):
            for number in range(3):
                await client.call("send", to=ben.number, text=f"number {number}")
                assert (await client.event("receipt"))["type"] == DELIVERED
            texts = [(await asyncio.wait_for(ben.next_message(), 10)).text for _ in range(3)]
            assert texts == ["number 0", "number 1", "number 2"]
            looking = asyncio.create_task(ben.next_message())
            await client.call("send", to=ben.number, text="while he looks")
            assert (await asyncio.wait_for(looking, 10)).text == "while he looks"
