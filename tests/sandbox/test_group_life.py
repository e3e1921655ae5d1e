"""What clients see of a group's life, and what they may change in it."""

from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.client import Client, companion
from tests.sandbox.client_arguments import data, enum, jid
from tests.sandbox.conftest import new_number
from worker.sandbox.groups import Group
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

JPEG = b"\xff\xd8\xff\xe0 a picture"


@pytest.fixture
async def carla(sandbox: Sandbox) -> Phone:
    return await sandbox.network.new_phone(new_number(), "Carla")


async def test_a_client_is_told_who_comes_goes_and_rises(
    sandbox: Sandbox, anna: Phone, ben: Phone, carla: Phone, tmp_path: Path
) -> None:
    life = sandbox.network.group_life
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await joined(client, ben, anna)
        for change, told in (
            ("add", "Join"),
            ("promote", "Promote"),
            ("demote", "Demote"),
            ("remove", "Leave"),
        ):
            life.change_members(group, ben.account, change, [carla.account])
            event = await client.event("group_info")
            assert event["JID"]["User"] == group.group_id
            assert event["Sender"]["User"] == ben.account.lid
            assert [person["User"] for person in event[told]] == [carla.account.lid]


async def test_a_client_that_is_added_later_has_joined_and_one_removed_has_left(
    sandbox: Sandbox, anna: Phone, ben: Phone, carla: Phone, tmp_path: Path
) -> None:
    life = sandbox.network.group_life
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await ben.new_group("Before", carla)
        life.change_members(group, ben.account, "add", [anna.account])
        event = await client.event("joined_group")
        assert event["GroupInfo"]["JID"]["User"] == group.group_id
        await ben.send_text(group, "welcome")
        while (await client.event("message"))["text"] != "welcome":
            pass
        life.change_members(group, ben.account, "remove", [anna.account])
        event = await client.event("group_info")
        while not event.get("Leave"):
            event = await client.event("group_info")
        assert [person["User"] for person in event["Leave"]] == [anna.account.lid]
        with pytest.raises(RuntimeError):
            await client.invoke("get_group_info", jid(group))


async def test_a_client_sees_a_group_change_its_looks(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    life = sandbox.network.group_life
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await joined(client, ben, anna)
        life.rename(group, ben.account, "Other words")
        assert (await client.event("group_info"))["Name"]["Name"] == "Other words"
        life.describe(group, ben.account, "What it is about", "3A0D")
        assert (await client.event("group_info"))["Topic"]["Topic"] == "What it is about"
        life.describe(group, ben.account, "", "3A0E")
        assert (await client.event("group_info"))["Topic"]["TopicDeleted"] is True
        life.lock(group, ben.account, locked=True)
        assert (await client.event("group_info"))["Locked"]["isLocked"] is True
        life.restrict_writing(group, ben.account, to_admins=True)
        assert (await client.event("group_info"))["Announce"]["IsAnnounce"] is True
        life.expire(group, ben.account, 86_400)
        assert (await client.event("group_info"))["Ephemeral"]["DisappearingTimer"] == 86_400
        info = await client.invoke("get_group_info", jid(group))
        assert info["GroupName"]["Name"] == "Other words"
        assert info["GroupLocked"]["isLocked"] is True


async def test_an_admins_client_changes_the_looks_of_a_group(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await own_group(sandbox, client, ben)
        chat = jid(group)
        await client.invoke("set_group_name", chat, "Renamed")
        await client.invoke("set_group_topic", chat, "", "", "All about it")
        info = await client.invoke("get_group_info", chat)
        assert info["GroupName"]["Name"] == "Renamed"
        assert info["GroupTopic"]["Topic"] == "All about it"
        await client.invoke("set_group_topic", chat, "", "", "")
        assert group.description is None
        await client.invoke("set_group_locked", chat, True)
        await client.invoke("set_group_announce", chat, True)
        await client.invoke("set_disappearing_timer", chat, 86_400 * 10**9)
        assert (group.locked, group.announcement, group.expiration) == (True, True, 86_400)
        with pytest.raises(RuntimeError, match="does not have a profile picture"):
            await client.invoke("get_profile_picture", chat)
        await client.invoke("set_group_photo", chat, data(JPEG))
        assert (await client.invoke("get_profile_picture", chat))["Type"] == "image"
        with pytest.raises(RuntimeError, match="SetGroupPhotoError"):
            await client.invoke("set_group_photo", chat, data(b"no picture at all"))
        assert "Failed to parse" not in client.tail()


async def test_a_link_leads_into_a_group_until_it_is_reset(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await ben.new_group("By link")
        link = sandbox.network.group_life.link(group, ben.account, reset=False)
        shown = await client.invoke("get_group_info_from_link", link)
        assert shown["GroupName"]["Name"] == "By link"
        assert anna.number not in group.members
        await client.invoke("join_group_with_link", link)
        assert (await client.event("joined_group"))["Reason"] == "invite"
        assert anna.number in group.members

        with pytest.raises(RuntimeError, match="permission"):
            await client.invoke("get_group_invite_link", jid(group))
        sandbox.network.group_life.change_members(group, ben.account, "promote", [anna.account])
        full = await client.invoke("get_group_invite_link", jid(group))
        assert full.endswith(link)
        assert await client.invoke("get_group_invite_link", jid(group), True) != full
        with pytest.raises(RuntimeError, match="not valid"):
            await client.invoke("join_group_with_link", link)


async def test_a_client_leaves_a_group(sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await joined(client, ben, anna)
        await client.invoke("leave_group", jid(group))
        assert list(group.members) == [ben.number]
        with pytest.raises(RuntimeError):
            await client.call("send_to_group", group=group.group_id, text="still there?")


async def test_only_admins_change_a_locked_group(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        group = await joined(client, ben, anna)
        await client.invoke("set_group_name", jid(group), "Everybody may")
        sandbox.network.group_life.lock(group, ben.account, locked=True)
        with pytest.raises(RuntimeError, match="forbidden"):
            await client.invoke("set_group_name", jid(group), "Not any more")
        with pytest.raises(RuntimeError, match="forbidden"):
            await client.invoke(
                "update_group_participants", jid(group), [jid(ben)], enum("ParticipantChange", "REMOVE")
            )
        assert group.subject == "Everybody may"


async def test_a_restarted_network_knows_all_of_a_group(tmp_path: Path) -> None:
    async with Sandbox(tmp_path) as sandbox:
        ben = await sandbox.network.new_phone("4915551234567")
        group, life = await ben.new_group("Lasting"), sandbox.network.group_life
        life.describe(group, ben.account, "for ever", "3A0D")
        life.expire(group, ben.account, 90)
        link = life.link(group, ben.account, reset=False)
    async with Sandbox(tmp_path) as sandbox:
        again = sandbox.network.groups.invited_by(link)
        assert again is not None
        assert (again.subject, again.expiration) == ("Lasting", 90)
        assert again.description is not None
        assert again.description.text == "for ever"


async def joined(client: Client, maker: Phone, member: Phone) -> Group:
    group = await maker.new_group("Group", member)
    await client.event("joined_group")
    return group


async def own_group(sandbox: Sandbox, client: Client, other: Phone) -> Any:
    group_id = await client.call("create_group", subject="Own", others=[other.number])
    return sandbox.network.groups.find_text(f"{group_id}@g.us")
