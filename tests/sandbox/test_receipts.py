"""Receipts beyond delivered and read: played, read on another device, several in one, in groups."""

import asyncio
from pathlib import Path

from tests.sandbox.client import Client, companion
from tests.sandbox.client_arguments import enum, jid
from tests.sandbox.test_presence import be_there
from worker.sandbox.correspondence import Receipt
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

DELIVERED, READ, READ_SELF, PLAYED = 1, 4, 5, 6


async def test_the_client_learns_that_its_voice_note_was_played(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        message_id = await client.call("send", to=ben.number, text="listen")
        assert (await client.event("receipt"))["type"] == DELIVERED
        await ben.mark_played(await asyncio.wait_for(ben.next_message(), 10))
        receipt = await client.event("receipt")
        assert (receipt["ids"], receipt["type"]) == ([message_id], PLAYED)


async def test_the_client_marks_several_as_read_or_played_in_one_receipt(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    anna.sends_receipts = False
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await be_there(client)
        sent = [await ben.send_text(anna, f"number {number}") for number in range(3)]
        delivered = [await _receipt(ben) for _ in sent]
        # A client that is there for others delivers as a phone does.
        assert {receipt.kind for receipt in delivered} == {""}
        for name, kind in (("READ", "read"), ("PLAYED", "played")):
            await mark(client, sent, ben, name)
            receipt = await _receipt(ben)
            assert (sorted(receipt.message_ids), receipt.kind) == (sorted(sent), kind)
            assert receipt.sender == device


async def test_what_the_phone_has_read_its_companion_learns(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        sent = [await ben.send_text(anna, text) for text in ("one", "two")]
        read = [await asyncio.wait_for(anna.next_message(), 10) for _ in sent]
        await anna.mark_read(*read)
        receipt = await client.event("receipt")
        assert (sorted(receipt["ids"]), receipt["type"]) == (sorted(sent), READ)
        assert receipt["from_me"] is True
        assert receipt["chat"] == str(ben.account.lid_jid)
        assert [(await _receipt(ben)).kind for _ in range(5)].count("read") == 1


async def test_what_is_read_privately_only_own_devices_learn(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        sent = await ben.send_text(anna, "secret admirer")
        message = await asyncio.wait_for(anna.next_message(), 10)
        await client.event("message")
        await anna.mark_read(message, privately=True)
        receipt = await client.event("receipt")
        assert (receipt["ids"], receipt["type"], receipt["from_me"]) == ([sent], READ_SELF, True)
        await anna.send_text(ben, "last")
        await asyncio.wait_for(ben.next_message(), 10)
        assert {(await _receipt(ben)).kind for _ in range(2)} <= {"", "inactive"}


async def test_the_client_reads_in_a_group(sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        group = await ben.new_group("Readers", anna)
        await client.event("joined_group")
        sent = await ben.send_text(group, "read me")
        await client.invoke(
            "mark_read",
            sent,
            chat=jid(group),
            sender=jid(str(ben.account.lid_jid)),
            receipt=enum("ReceiptType", "READ"),
        )
        while (receipt := await _receipt(ben)).kind != "read":
            pass
        assert receipt == Receipt((sent,), device, "read")


async def mark(client: Client, ids: list[str], author: Phone, kind: str) -> None:
    chat = jid(str(author.account.lid_jid))
    await client.invoke("mark_read", *ids, chat=chat, sender=chat, receipt=enum("ReceiptType", kind))


async def _receipt(phone: Phone) -> Receipt:
    return await asyncio.wait_for(phone.next_receipt(), 10)
