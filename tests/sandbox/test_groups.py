"""Groups: made by a phone or by the client, and talked in by everybody."""

import asyncio
from pathlib import Path

import pytest

from tests.sandbox.client import companion
from tests.sandbox.conftest import new_number
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

DELIVERED, READ = 1, 4


@pytest.fixture
async def carla(sandbox: Sandbox) -> Phone:
    return await sandbox.network.new_phone(new_number(), "Carla")


async def test_everybody_in_a_phones_group_reads_everybody(
    sandbox: Sandbox, anna: Phone, ben: Phone, carla: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        group = await ben.new_group("Lunch", anna, carla)
        await client.event("joined_group")
        for number in range(3):
            text = f"from Ben {number} 🍝"
            await ben.send_text(group, text)
            if number == 0:
                # The library makes an event of its own, without text, of the key that comes with it.
                assert not (await client.event("message"))["text"]
            message = await client.event("message")
            assert (message["text"], message["chat"]) == (text, str(group.jid))
            assert message["sender_number"] == ben.number
            assert (await asyncio.wait_for(carla.next_message(), 10)).text == text

            text = f"from Anna's client {number}"
            await client.call("send_to_group", group=group.group_id, text=text)
            for reader in (ben, carla):
                received = await asyncio.wait_for(reader.next_message(), 10)
                assert (received.text, received.chat) == (text, str(group.jid))
                assert received.sender == device


async def test_the_client_makes_a_group_and_changes_who_is_in_it(
    sandbox: Sandbox, anna: Phone, ben: Phone, carla: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await client.call("create_group", subject="Trip", others=[ben.number])
        await client.call("send_to_group", group=group, text="just us")
        assert (await asyncio.wait_for(ben.next_message(), 10)).text == "just us"

        await client.call("change_group", group=group, change="add", number=carla.number)
        members = await client.call("group_members", group=group)
        assert members == sorted([anna.number, ben.number, carla.number])
        await client.call("send_to_group", group=group, text="all three")
        assert (await asyncio.wait_for(carla.next_message(), 10)).text == "all three"

        await client.call("change_group", group=group, change="remove", number=ben.number)
        assert ben.number not in await client.call("group_members", group=group)


async def test_receipts_in_a_group_reach_the_author(
    sandbox: Sandbox, anna: Phone, ben: Phone, carla: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await ben.new_group("Receipts", anna, carla)
        message_id = await client.call("send_to_group", group=group.group_id, text="seen?")
        # From Ben's and Carla's phones.
        for _ in range(2):
            receipt = await client.event("receipt")
            assert (receipt["ids"], receipt["type"]) == ([message_id], DELIVERED)
        await carla.mark_read(await asyncio.wait_for(carla.next_message(), 10))
        receipt = await client.event("receipt")
        assert (receipt["ids"], receipt["type"]) == ([message_id], READ)


async def test_a_phone_that_lost_its_session_reads_group_messages_in_the_end(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        group = await ben.new_group("Loss", anna)
        await client.event("joined_group")
        await ben.send_text(group, "hello")
        await client.event("message")
        await client.call("send_to_group", group=group.group_id, text="first")
        assert (await asyncio.wait_for(ben.next_message(), 10)).text == "first"
        ben.forget_session(device)
        await client.call("send_to_group", group=group.group_id, text="second")
        assert (await asyncio.wait_for(ben.next_message(), 10)).text == "second"
