"""What is told twice, the second time better: read at last, or live after the history, in either order."""

import random
import string

import pytest

from shared.contracts import told as words
from shared.contracts.messages import Edit, MessageKey, Reaction, Text
from tests.fleet_client import PEER, Fleet, messages, text
from tests.integration.receiving import Ear, ear_of, receipt


@pytest.fixture
async def ear(fleet: Fleet) -> Ear:
    return await ear_of(fleet)


def shut(whatsapp_id: str = "SHUT", *, withheld: bool = False) -> words.Undecryptable:
    return words.Undecryptable(
        whatsapp_id=whatsapp_id, chat=PEER, sender=PEER, timestamp=1_760_000_000, withheld=withheld
    )


async def test_what_could_not_be_read_keeps_its_place_until_it_can(ear: Ear):
    await ear.hears(shut(), shut())
    before = await ear.one("SHUT")
    assert (before["type"], before["status"], before["text"]) == ("undecryptable", "received", None)
    assert before["content"] == {"withheld": False}
    await ear.hears(text("at last", "SHUT"), text("at last", "SHUT"), shut())
    after = await ear.one("SHUT")
    assert (after["id"], after["type"], after["text"]) == (before["id"], "text", "at last")
    assert len(await messages(ear.person, ear.session)) == 1
    assert [event["id"] for event in await ear.events("message.undecryptable")] == [before["id"]]
    assert [event["text"] for event in await ear.events("message.received")] == ["at last"]


async def test_what_can_be_read_is_not_taken_back(ear: Ear):
    await ear.hears(text("clear", "SHUT"), shut())
    assert (await ear.one("SHUT"))["text"] == "clear"
    assert await ear.events("message.undecryptable") == []


async def test_what_only_phones_may_see_stays_withheld(ear: Ear):
    await ear.hears(shut(withheld=True))
    assert (await ear.one("SHUT"))["content"] == {"withheld": True}
    (event,) = await ear.events("message.undecryptable")
    assert (event["withheld"], event["from"], event["chatId"]) == (True, PEER, PEER)


async def test_what_was_shut_is_answered_and_changed_like_any_other(ear: Ear):
    target = MessageKey(whatsapp_id="SHUT")
    await ear.hears(
        shut(),
        text("", content=Reaction(target=target, emoji="👍")),
        text("", content=Edit(target=target, text="as it is now")),
        text("as it was", "SHUT"),
    )
    now = await ear.one("SHUT")
    assert (now["text"], now["content"]["text"], bool(now["editedAt"])) == ("as it is now",) * 2 + (True,)
    assert [one["emoji"] for one in now["reactions"]] == ["👍"]


async def test_the_history_may_bring_what_could_not_be_read(ear: Ear):
    await ear.hears(shut())
    await ear.history(text("at last", "SHUT"), text("old", "OLD"))
    one = await ear.one("SHUT")
    assert (one["text"], one["history"]) == ("at last", False)
    assert [event["text"] for event in await ear.events("message.received")] == ["at last"]


async def test_history_and_news_meet_in_either_order(ear: Ear):
    both = text("both", "BOTH")
    await ear.history(both, text("old", "OLD"))
    assert (await ear.one("BOTH"))["history"] is True
    assert await ear.events("message.received") == []
    await ear.hears(both, both)
    await ear.history(both)
    await ear.hears(text("live", "LIVE"))
    await ear.history(text("live", "LIVE"))
    shown = {one["text"]: one["history"] for one in await messages(ear.person, ear.session)}
    assert shown == {"both": False, "old": True, "live": False}
    assert len(await messages(ear.person, ear.session)) == 3
    assert [event["text"] for event in await ear.events("message.received")] == ["both", "live"]


async def test_own_messages_of_the_history_tell_how_far_they_have_come(ear: Ear):
    acks = {"NONE": 0, "SENT": 1, "DELIVERED": 2, "READ": 3, "PLAYED": 4, "MORE": 99, "LESS": -9}
    await ear.history(
        *(text("x", name, from_me=True, ack=ack) for name, ack in acks.items()), text("y", "IN", ack=3)
    )
    shown = {one["whatsappMessageId"]: one["status"] for one in await messages(ear.person, ear.session)}
    assert shown == {
        "NONE": "sent",
        "SENT": "sent",
        "DELIVERED": "delivered",
        "READ": "read",
        "PLAYED": "played",
        "MORE": "played",
        "LESS": "sent",
        "IN": "received",
    }
    await ear.hears(receipt("delivered", "READ"), receipt("played", "READ"))
    assert (await ear.one("READ"))["status"] == "played"


def noise(length: int) -> str:
    """That no compression makes fit."""
    return "".join(random.Random(length).choices(string.ascii_letters + string.digits, k=length))


@pytest.mark.parametrize("size", [10_000, 1_500_000])
async def test_names_and_texts_of_any_length_pass(ear: Ear, size: int):
    name = noise(10_000)
    letters = noise(size)
    words_of_it = " ".join(letters[at : at + 8] for at in range(0, size, 8))
    key = MessageKey(whatsapp_id=name, sender=name)
    await ear.hears(
        text(words_of_it, name, chat=name, sender=name),
        words.Undecryptable(whatsapp_id=name[::-1], chat=name, sender=name, timestamp=-(2**62)),
        text("", chat=name, sender=name, content=Reaction(target=key, emoji=name), timestamp=2**62),
        text("", chat=name, sender=name, content=Edit(target=key, text="edited")),
        receipt("read", name, name[::-1], reader=name, chat=f"{name}@g.us"),
        text("after it"),
    )
    shown = {one["text"] for one in await messages(ear.person, ear.session)}
    assert {"edited", "after it"} <= shown


async def test_zeros_are_replaced_in_every_place(ear: Ear):
    await ear.hears(text("", "NUL", content=Text(text="\0")), shut("WITH\0NUL"), receipt("read", "NUL\0"))
    assert (await ear.one("NUL"))["text"] == "\ufffd"
    assert (await ear.one("WITH\ufffdNUL"))["type"] == "undecryptable"
