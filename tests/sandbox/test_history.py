"""What a new companion is told of the conversations that its phone had before."""

from pathlib import Path
from typing import Any

from neonize.proto.Neonize_pb2 import HistorySync as HistoryEvent

from tests.sandbox.client import Client, companion, running_client
from tests.waiting import until
from worker.sandbox.library import Message
from worker.sandbox.options import Options
from worker.sandbox.phone_history import Remembered
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

BOOTSTRAP, RECENT, PUSH_NAME = 0, 3, 4


async def test_a_new_companion_gets_the_conversations_of_its_phone(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    said = [
        await ben.send_text(anna, "from before"),
        await anna.send_text(ben, "the answer"),
        await ben.send_text(anna, "the last word"),
    ]
    async with companion(sandbox, anna, tmp_path) as (client, _):
        bootstrap = await chunk(client)
        assert bootstrap.syncType == BOOTSTRAP
        (conversation,) = bootstrap.conversations
        assert texts(conversation) == ["the last word"]

        names = await chunk(client)
        assert names.syncType == PUSH_NAME
        assert {name.pushname for name in names.pushnames} == {"Anna", "Ben"}

        recent = await chunk(client)
        assert (recent.syncType, recent.progress) == (RECENT, 100)
        (conversation,) = recent.conversations
        assert (conversation.ID, conversation.name) == (str(ben.account.lid_jid), "Ben")
        assert conversation.pnJID == str(ben.account.phone_jid)
        assert texts(conversation) == ["the last word", "the answer", "from before"]
        told = [entry.message for entry in reversed(conversation.messages)]
        assert [message.key.ID for message in told] == said
        assert [message.key.fromMe for message in told] == [False, True, False]
        assert [message.pushName for message in told] == ["Ben", "", "Ben"]
        assert all(message.messageTimestamp for message in told)


async def test_a_long_history_comes_in_chunks_until_it_is_complete(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    others = [await sandbox.network.new_phone(f"{anna.number}{place}") for place in range(10)]
    for other in others:
        anna.remember(other, remembered(other, 100))
    async with companion(sandbox, anna, tmp_path) as (client, _):
        assert len((await chunk(client)).conversations) == len(others)
        await chunk(client)
        seen: dict[str, int] = {}
        progress: list[int] = []
        while not progress or progress[-1] < 100:
            part = await chunk(client)
            progress.append(part.progress)
            for conversation in part.conversations:
                seen[conversation.ID] = seen.get(conversation.ID, 0) + len(conversation.messages)
        assert progress == [20, 40, 60, 80, 100]
        assert seen == {str(other.account.lid_jid): 100 for other in others}


async def test_groups_are_remembered_with_their_authors(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    group = await ben.new_group("Old friends", anna)
    await ben.send_text(group, "hello all")
    async with companion(sandbox, anna, tmp_path) as (client, _):
        (conversation,) = (await chunk(client)).conversations
        assert (conversation.ID, conversation.name) == (str(group.jid), "Old friends")
        (entry,) = conversation.messages
        assert entry.message.key.participant == str(ben.account.lid_jid)


async def test_the_media_host_is_clean_again_when_the_client_has_read_its_history(
    tmp_path: Path,
) -> None:
    async with Sandbox(tmp_path / "network") as sandbox:
        anna = await sandbox.network.new_phone("4915551234567")
        ben = await sandbox.network.new_phone("4915551234568")
        await ben.send_text(anna, "read once")
        async with companion(sandbox, anna, tmp_path) as (client, _):
            while (await chunk(client)).syncType != RECENT:
                pass

            async def clean() -> bool:
                return not any((tmp_path / "network" / "media").iterdir())

            await until(clean)
            assert "WARNING] - Failed" not in client.tail()


async def test_only_a_new_companion_is_told(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    await ben.send_text(anna, "once upon a time")
    async with companion(sandbox, anna, tmp_path) as (client, device):
        while (await chunk(client)).syncType != RECENT:
            pass

        async def acknowledged() -> bool:
            return sandbox.network.mailbox.waiting(device) == []

        await until(acknowledged)
        await client.call("stop")
    async with running_client(sandbox, tmp_path, str(device)) as client:
        await client.call("connect")
        await client.event("connected")
        await ben.send_text(anna, "and today")
        await client.event("message")
        assert not client.has("history_sync")


async def test_a_network_may_remember_nothing(tmp_path: Path) -> None:
    async with Sandbox(tmp_path / "network", options=Options(history_messages=0)) as sandbox:
        anna = await sandbox.network.new_phone("4915551234567")
        ben = await sandbox.network.new_phone("4915551234568")
        await ben.send_text(anna, "forgotten")
        async with companion(sandbox, anna, tmp_path) as (client, _):
            await ben.send_text(anna, "heard")
            assert (await client.event("message"))["text"] == "heard"
            assert not client.has("history_sync")


def remembered(author: Phone, count: int) -> list[Remembered]:
    return [
        Remembered(
            f"3AOLD{author.number}{place}",
            author.number,
            1_700_000_000 + place,
            Message(conversation=f"{place}"),
        )
        for place in range(count)
    ]


def texts(conversation: Any) -> list[str]:
    return [entry.message.message.conversation for entry in conversation.messages]


async def chunk(client: Client) -> Any:
    event = await client.event("history_sync")
    return HistoryEvent.FromString(bytes.fromhex(event["raw"])).Data
