"""What the phone remembers, told to a session that was just paired."""

from pathlib import Path

import pytest

from shared.contracts.messages import ReceivedMessage, Text
from shared.contracts.told import HistoryReceived
from tests.whatsapp.engine import Engine
from tests.whatsapp.pair import Pair
from worker.sandbox import message_kinds
from worker.sandbox.phone_history import Remembered
from worker.sandbox.phones import Phone
from worker.whatsapp.account import Account
from worker.whatsapp.incoming.history import parts_of
from worker.whatsapp.library import HistorySync

ANNA = Account(device_jid="1:1@s.whatsapp.net", number="49151@s.whatsapp.net", lid="777@lid", name="Anna")


async def part(paired: Pair, kind: str) -> HistoryReceived:
    while True:
        told = await paired.engine.told(paired.session, HistoryReceived)
        if told.kind == kind:
            return told


async def test_a_conversation_comes_in_the_order_in_which_it_was_held(
    engine: Engine, anna: Phone, ben: Phone, tmp_path: Path
):
    said = [
        await ben.send_text(anna, "from before"),
        await anna.send_text(ben, "the answer"),
        await ben.send_text(anna, "the last word"),
    ]
    paired = await Pair(engine, anna, str(tmp_path / "anna.db")).scan()
    bootstrap = await part(paired, "initial_bootstrap")
    assert [message.content for message in bootstrap.messages] == [Text(text="the last word")]
    assert (await part(paired, "push_name")).messages == ()
    recent = await part(paired, "recent")
    assert recent.progress == 100
    assert [message.whatsapp_id for message in recent.messages] == said
    first, answer, _ = recent.messages
    lid = f"{ben.account.lid}@lid"
    assert (first.chat, first.sender, first.sender_lid, first.push_name) == (lid, lid, lid, "Ben")
    assert (first.sender_phone, first.chat_phone) == (f"+{ben.number}",) * 2
    assert (answer.from_me, answer.chat, answer.chat_phone) == (True, lid, f"+{ben.number}")
    assert (answer.sender_phone, answer.sender_lid) == (f"+{anna.number}", f"{anna.account.lid}@lid")


async def test_all_kinds_are_read_in_a_group(engine: Engine, anna: Phone, ben: Phone, tmp_path: Path):
    group = await ben.new_group("Hikers", anna)
    await ben.send(group, message_kinds.location(52.52, 13.405, "Berlin"))
    whatsapp_id = await ben.send(group, message_kinds.poll("Where to?", "Sea", "Home"))
    paired = await Pair(engine, anna, str(tmp_path / "anna.db")).scan()
    recent = await part(paired, "recent")
    assert [type(message.content).__name__ for message in recent.messages] == ["Location", "Poll"]
    assert recent.messages[1].whatsapp_id == whatsapp_id
    assert (recent.messages[1].chat, recent.messages[1].sender) == (
        str(group.jid),
        f"{ben.account.lid}@lid",
    )


async def test_a_long_history_comes_whole_and_ends_once(
    engine: Engine, anna: Phone, ben: Phone, tmp_path: Path
):
    remembered = [
        Remembered(f"3A{n:04}", ben.number, 1_700_000_000 + n, message_kinds.text(str(n)).content)
        for n in range(100)
    ]
    anna.remember(ben, remembered)
    paired = await Pair(engine, anna, str(tmp_path / "anna.db")).scan()
    told: list[ReceivedMessage] = []
    while True:
        recent = await part(paired, "recent")
        told += recent.messages
        if recent.progress == 100:
            break
    assert [message.whatsapp_id for message in told] == [message.message_id for message in remembered]


def stored(count: int, text: str) -> HistorySync:
    history = HistorySync(Data={"syncType": "RECENT", "progress": 100}).Data
    conversation = history.conversations.add(ID="123@lid")
    for n in range(count):
        message = conversation.messages.add().message
        message.key.ID, message.key.fromMe, message.messageTimestamp = f"3A{n}", False, n
        message.message.conversation = text
    return history


@pytest.mark.parametrize(("count", "text"), [(450, "short"), (100, "x" * 65_536)])
def test_a_large_part_is_cut_and_only_the_last_piece_says_that_it_is_whole(count: int, text: str):
    parts = list(parts_of(stored(count, text), ANNA))
    assert len(parts) > 1
    assert [part.progress == 100 for part in parts] == [False] * (len(parts) - 1) + [True]
    assert sum(len(part.messages) for part in parts) == count
    for part_of_it in parts:
        assert len(part_of_it.messages) <= 200
        assert sum(len(str(message.content)) for message in part_of_it.messages) < 5_000_000


def test_a_history_that_is_empty_or_broken_is_told_as_far_as_it_goes():
    (nothing,) = parts_of(stored(0, ""), ANNA)
    assert (nothing.kind, nothing.messages, nothing.progress) == ("recent", (), 100)
    broken = stored(3, "x")
    broken.progress = 4_000_000
    broken.conversations[0].messages[1].message.key.ID = "two words"
    broken.conversations.add(ID="").messages.add().message.key.ID = "3A00"
    (told,) = parts_of(broken, ANNA)
    assert [message.whatsapp_id for message in told.messages] == ["3A0", "3A2"]
    assert told.progress == 100
