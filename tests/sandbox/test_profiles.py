"""What people show of themselves, whom they keep away, and which devices they have."""

import asyncio
from pathlib import Path

import pytest

from tests.sandbox.client import companion, running_client
from tests.sandbox.client_arguments import data, enum, jid
from tests.sandbox.test_presence import be_there
from tests.waiting import until
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

JPEG = b"\xff\xd8\xff\xe0 a face"


async def test_pictures_are_shown_and_changes_of_them_told(
    sandbox: Sandbox, anna: Phone, ben: Phone, folders: tuple[Path, Path]
) -> None:
    async with (
        companion(sandbox, anna, folders[0]) as (annas, _),
        companion(sandbox, ben, folders[1]) as (bens, _),
    ):
        with pytest.raises(RuntimeError, match="does not have a profile picture"):
            await annas.invoke("get_profile_picture", jid(ben))
        await be_there(annas)
        await annas.invoke("subscribe_presence", jid(ben))
        picture_id = await bens.invoke("set_profile_photo", data(JPEG))
        told = await annas.event("picture")
        assert (told["JID"]["User"], told["Remove"]) == (ben.account.lid, False)
        shown = await annas.invoke("get_profile_picture", jid(ben))
        assert shown["ID"] == picture_id
        assert sandbox.network.media.fetch(shown["DirectPath"]) == JPEG
        info = await annas.invoke("get_user_info", jid(ben))
        assert info[0]["UserInfo"]["PictureID"] == picture_id


async def test_the_words_about_a_person_are_kept(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        await client.invoke("set_status_message", "At the sea 🌊")
        assert sandbox.network.profiles.of(anna.number).about == "At the sea 🌊"
        shown = await client.invoke("get_user_info", jid(anna))
        assert shown[0]["UserInfo"]["Status"] == "At the sea 🌊"


async def test_who_is_blocked_is_not_heard(sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        blocked = await client.invoke("update_blocklist", jid(ben), enum("BlocklistAction", "BLOCK"))
        assert [person["User"] for person in blocked["JIDs"]] == [ben.account.lid]
        await ben.send_text(anna, "nobody hears")
        await client.invoke("update_blocklist", jid(ben), enum("BlocklistAction", "UNBLOCK"))
        await ben.send_text(anna, "forgiven")
        assert (await client.event("message"))["text"] == "forgiven"
        assert (await asyncio.wait_for(anna.next_message(), 10)).text == "forgiven"


async def test_privacy_settings_are_kept(sandbox: Sandbox, anna: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        assert (await client.invoke("get_privacy_settings"))["LastSeen"] == "ALL"
        # The library takes the answer for an error, although the setting was made.
        with pytest.raises(RuntimeError, match="SetPrivacySettingError"):
            await client.invoke(
                "set_privacy_setting", enum("PrivacySettingType", "LAST_SEEN"), enum("PrivacySetting", "NONE")
            )
        assert (await client.invoke("get_privacy_settings"))["LastSeen"] == "NONE"
        assert sandbox.network.profiles.of(anna.number).privacy == {"last": "none"}


async def test_a_link_leads_to_a_person(sandbox: Sandbox, anna: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        link = await client.invoke("get_contact_qr_link")
        target = await client.invoke("resolve_contact_qr_link", link)
        assert (target["JID"]["User"], target["PushName"]) == (anna.number, "Anna")
        with pytest.raises(RuntimeError, match="does not exist"):
            await client.invoke("resolve_contact_qr_link", "nobody")


async def test_a_client_writes_to_devices_that_were_linked_after_its_first_message(
    sandbox: Sandbox, anna: Phone, ben: Phone, folders: tuple[Path, Path]
) -> None:
    async with companion(sandbox, anna, folders[0]) as (annas, _):
        await annas.call("send", to=ben.number, text="to your phone")
        async with companion(sandbox, ben, folders[1]) as (bens, device):
            await annas.call("send", to=ben.number, text="to your client too")
            assert (await bens.event("message"))["text"] == "to your client too"
        await ben.log_out(next(linked for linked in ben.companions if linked.name == device))
        await annas.call("send", to=ben.number, text="and no more")
        texts = [(await asyncio.wait_for(ben.next_message(), 10)).text for _ in range(3)]
        assert texts[-1] == "and no more"
        assert "doesn't match" not in annas.tail()


async def test_a_second_companion_sees_what_the_first_one_sends(
    sandbox: Sandbox, anna: Phone, ben: Phone, folders: tuple[Path, Path]
) -> None:
    async with companion(sandbox, anna, folders[0]) as (first, _):
        await first.call("send", to=ben.number, text="alone")
        async with companion(sandbox, anna, folders[1]) as (second, _):
            await first.call("send", to=ben.number, text="in company")
            message = await second.event("message")
            assert (message["text"], message["from_me"]) == ("in company", True)


async def test_an_ordinary_run_asks_nothing_that_the_network_cannot_answer(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with companion(sandbox, anna, tmp_path, debug=True) as (client, device):
        await be_there(client)
        await client.call("send", to=ben.number, text="hello")
        await ben.send_text(anna, "hello yourself")
        await client.event("message")
        group = await ben.new_group("Ordinary", anna)
        await client.event("joined_group")
        await client.call("send_to_group", group=group.group_id, text="hello all")
        await client.invoke("get_joined_groups")
        await client.invoke("get_blocklist")
        await client.call("stop")
    async with running_client(sandbox, tmp_path, str(device), debug=True) as client:
        await client.call("connect")
        await client.event("connected")
        await client.call("is_on_whatsapp", number=ben.number)

        async def complete() -> bool:
            return "<offline count=" in client.log.read_text()

        await until(complete)
    assert "sandbox_query_unknown" not in caplog.text
    complaints = [line for line in client.log.read_text().splitlines() if _complains(line)]
    assert complaints == []


def _complains(line: str) -> bool:
    """Without the two things that are so on every machine and in every run."""
    ordinary = ("ffmpeg", "Error sending close to websocket")
    return (" WARNING]" in line or " ERROR]" in line) and not any(word in line for word in ordinary)
