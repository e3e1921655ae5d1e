"""Who is there and who types, both ways; and the name without which a client may say neither."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from tests.sandbox.client import Client, companion, running_client
from tests.sandbox.client_arguments import enum, jid
from tests.sandbox.conftest import new_number
from tests.waiting import until
from worker.sandbox.phone_inbox import SeenPresence
from worker.sandbox.phones import Phone, Typing
from worker.sandbox.sandbox import Sandbox

COMPOSING, PAUSED = "COMPOSING", "PAUSED"
TEXT, AUDIO = "TEXT", "AUDIO"


async def test_a_paired_client_learns_its_name_and_may_then_say_that_it_is_there(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        ben.watch(anna)
        await be_there(client)
        assert (await client.invoke("get_me"))["PushName"] == "Anna"
        assert await _presence(ben) == ("available", anna.number)

        await client.invoke("send_presence", enum("Presence", "UNAVAILABLE"))
        seen = await asyncio.wait_for(ben.next_presence(), 10)
        assert (seen.kind, seen.person) == ("unavailable", anna.number)
        assert seen.last_seen is not None


async def test_a_client_that_leaves_is_no_longer_there(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        ben.watch(anna)
        await be_there(client)
        assert (await _presence(ben))[0] == "available"
    assert (await _presence(ben))[0] == "unavailable"


async def test_a_client_sees_those_whom_it_asks_for(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        await be_there(client)
        await client.invoke("subscribe_presence", jid(ben))
        ben.set_presence(available=True)
        seen = await client.event("presence")
        assert (seen["From"]["User"], seen["Unavailable"]) == (ben.number, False)
        ben.set_presence(available=False)
        seen = await client.event("presence")
        assert seen["Unavailable"] is True
        assert int(seen["LastSeen"]) > 0


async def test_typing_reaches_the_phone_and_the_client(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        await be_there(client)
        for state, media, kind in (
            (COMPOSING, TEXT, "composing"),
            (COMPOSING, AUDIO, "recording"),
            (PAUSED, TEXT, "paused"),
        ):
            await type_to(client, jid(ben), state, media)
            seen = await asyncio.wait_for(ben.next_presence(), 10)
            assert (seen.kind, seen.person, seen.chat) == (kind, anna.number, anna.number)

        typings: list[tuple[Typing, str, str]] = [
            ("composing", COMPOSING, TEXT),
            ("recording", COMPOSING, AUDIO),
            ("paused", PAUSED, TEXT),
        ]
        for typing, state, media in typings:
            ben.set_typing(anna, typing)
            told = await client.event("chat_presence")
            assert told["State"] == state
            assert told.get("Media", f"CHAT_PRESENCE_MEDIA_{TEXT}").endswith(media)
            assert told["MessageSource"]["Chat"]["User"] == ben.account.lid


async def test_typing_in_a_group_reaches_everybody_in_it(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    carla = await sandbox.network.new_phone(new_number(), "Carla")
    async with companion(sandbox, anna, tmp_path) as (client, _):
        await be_there(client)
        group = await ben.new_group("Typing", anna, carla)
        await client.event("joined_group")
        ben.set_typing(group, "composing")
        told = (await client.event("chat_presence"))["MessageSource"]
        assert told["Chat"]["User"] == group.group_id
        assert told["Sender"]["User"] == ben.account.lid
        assert await asyncio.wait_for(carla.next_presence(), 10) == SeenPresence(
            ben.number, "composing", str(group.jid)
        )

        await type_to(client, jid(group), COMPOSING, TEXT)
        for phone in (ben, carla):
            seen = await asyncio.wait_for(phone.next_presence(), 10)
            assert (seen.person, seen.chat) == (anna.number, str(group.jid))


async def test_a_client_that_is_not_there_hears_nothing_of_others(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        await client.invoke("subscribe_presence", jid(ben))
        ben.set_presence(available=True)
        ben.set_typing(anna, "composing")
        # What comes after them would come after them here too.
        await ben.send_text(anna, "now")
        assert (await client.event("message"))["text"] == "now"
        assert not client.has("presence")
        assert not client.has("chat_presence")


async def test_a_name_is_changed_from_either_end(sandbox: Sandbox, anna: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await be_there(client)
        await client.invoke("set_profile_name", "Annabel")

        async def phone_knows() -> bool:
            return anna.account.name == "Annabel"

        await until(phone_knows)
        anna.set_name("Anne")
        await until(lambda: _is_called(client, "Anne"))

        async def written_down() -> bool:
            with closing(sqlite3.connect(tmp_path / "store.sqlite3")) as store:
                return store.execute("SELECT push_name FROM whatsmeow_device").fetchall() == [("Anne",)]

        await until(written_down)
    async with running_client(sandbox, tmp_path, str(device)) as client:
        await client.call("connect")
        await client.event("connected")
        assert await _is_called(client, "Anne")


async def test_every_companion_of_an_account_learns_the_name(
    sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    for place in ("first", "second"):
        folder = tmp_path / place
        folder.mkdir()
        async with companion(sandbox, anna, folder) as (client, _):
            await be_there(client)


async def test_a_client_that_missed_the_key_asks_its_phone_for_it(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with running_client(sandbox, tmp_path) as client:
        await client.call("connect")
        device = await anna.scan((await client.event("qr"))["data"])
        # Greeted, as far as the phone knows; but nothing has arrived.
        sandbox.network.devices.link(msgspec.structs.replace(device, greeted=True))
        await client.event("connected")
        # It can ask only whom it has heard of before.
        await anna.send_text(ben, "from the phone")
        await client.event("message")
        assert not await _has_name(client)
        anna.set_name("Annika")
        await until(lambda: _is_called(client, "Annika"))


async def be_there(client: Client) -> None:
    """Possible as soon as the phone's greeting has brought the name."""
    await until(lambda: _has_name(client))
    await client.invoke("send_presence", enum("Presence", "AVAILABLE"))


async def type_to(client: Client, chat: dict[str, str], state: str, media: str) -> None:
    await client.invoke(
        "send_chat_presence",
        chat,
        enum("ChatPresence", f"CHAT_PRESENCE_{state}"),
        enum("ChatPresenceMedia", f"CHAT_PRESENCE_MEDIA_{media}"),
    )


async def _has_name(client: Client) -> bool:
    return bool((await client.invoke("get_me")).get("PushName"))


async def _is_called(client: Client, name: str) -> bool:
    return bool((await client.invoke("get_me")).get("PushName") == name)


async def _presence(phone: Phone) -> tuple[str, str]:
    seen = await asyncio.wait_for(phone.next_presence(), 10)
    return seen.kind, seen.person
