"""Every kind of message from a virtual phone to what REST shows of it, with the real client in between."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TEMPLATE
from tests.fleet.phones import Phones
from tests.fleet.shop import FRIEND, OTHER, SENDS, Shop, open_shop
from tests.fleet.stage import stage
from tests.fleet.test_media import picture
from tests.waiting import until

DATA = base64.b64encode(picture()).decode()
PLACE = {"latitude": 1.5, "longitude": 2.5}
# What a phone sends, the type that it has here, and some of its content.
KINDS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"type": "text", "text": "hello 👋"}, "text", {"text": "hello 👋"}),
    (
        {
            "type": "text",
            "text": "see https://a.example",
            "preview": {"url": "https://a.example", "title": "A"},
        },
        "text",
        {"text": "see https://a.example"},
    ),
    ({"type": "text", "text": "soon gone", "disappearsAfter": 86_400}, "text", {"text": "soon gone"}),
    ({"type": "location", "name": "Here", **PLACE}, "location", {"name": "Here", "live": False}),
    ({"type": "live_location", "caption": "moving", **PLACE}, "location", {"live": True}),
    ({"type": "contact", "name": "Anna", "number": "4915100000042"}, "contact", {}),
    (
        {"type": "contacts", "people": [{"name": name, "number": "4915100000042"} for name in ("A", "B")]},
        "contact",
        {},
    ),
    ({"type": "image", "data": DATA, "caption": "Look!"}, "image", {"caption": "Look!", "view_once": False}),
    ({"type": "image", "data": DATA, "viewOnce": True}, "image", {"view_once": True}),
    ({"type": "video", "data": DATA, "mimetype": "video/mp4"}, "video", {"gif": False, "note": False}),
    ({"type": "gif", "data": DATA, "mimetype": "video/mp4"}, "video", {"gif": True}),
    ({"type": "video_note", "data": DATA, "mimetype": "video/mp4"}, "video", {"note": True}),
    ({"type": "audio", "data": DATA, "mimetype": "audio/mpeg", "seconds": 3}, "audio", {"seconds": 3}),
    ({"type": "voice", "data": DATA, "seconds": 4}, "voice", {"seconds": 4}),
    (
        {"type": "document", "data": DATA, "fileName": "a.jpg", "mimetype": "image/jpeg"},
        "document",
        {"file_name": "a.jpg"},
    ),
    ({"type": "sticker", "data": DATA, "mimetype": "image/webp"}, "sticker", {}),
    ({"type": "pin", "target": "3A00"}, "unknown", {"name": "pinInChatMessage"}),
]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with stage(tmp_path, TEMPLATE) as opened:
        yield await open_shop(opened)


@pytest.fixture
async def phones(shop: Shop) -> AsyncIterator[Phones]:
    opened = Phones(shop.stage)
    yield opened
    await opened.close()


async def shown(shop: Shop, message: str) -> dict[str, Any]:
    found: dict[str, Any] = await shop.stage.call("GET", f"/v1/messages/{message}", 200)
    return found


async def own_number(shop: Shop) -> str:
    return str((await shop.stage.session("shop"))["phone"])


async def test_every_kind_is_stored_and_told(shop: Shop):
    for body, kind, content in KINDS:
        message = await shop.stored(await shop.writes(**body))
        assert message["type"] == kind, body
        assert content.items() <= message["content"].items(), message
        assert (message["status"], message["direction"], message["phone"]) == ("received", "inbound", FRIEND)
        told = (await shop.event("message.received", id=message["id"]))["data"]
        assert (told["type"], told["content"]) == (kind, message["content"])
    assert (await shop.stored(await shop.writes(text="passed on", forwarded=True)))["forwarded"] is True


async def test_a_poll_is_voted_in_by_options_and_tells_the_tally(shop: Shop):
    options = ["Sea", "Hills"]
    ours = await shop.send(type="poll", poll={"question": "Where to?", "options": options})
    await shop.reached(ours)
    for choice in ("Sea", "Hills"):
        vote = await shop.stored(
            await shop.writes(type="poll_vote", target=ours["whatsappMessageId"], options=[choice])
        )
        assert (vote["type"], vote["content"]["options"]) == ("poll_vote", [choice])
        told = await shop.event("message.received", id=vote["id"])
        assert told["data"]["messageId"] == ours["id"]
    votes = (await shown(shop, ours["id"]))["votes"]
    assert [(one["option"], one["votes"]) for one in votes] == [("Sea", 0), ("Hills", 1)]


async def test_reactions_stand_on_their_message(shop: Shop):
    ours = await shop.send(text="Open until nine.")
    await shop.reached(ours)
    for emoji in ("👍", "❤️"):
        await shop.writes(type="reaction", target=ours["whatsappMessageId"], emoji=emoji)
        await shop.event("message.reaction", messageId=ours["id"], type="reaction")

    async def the_last_one() -> bool:
        return [one["emoji"] for one in (await shown(shop, ours["id"]))["reactions"]] == ["❤️"]

    await until(the_last_one)


async def test_each_reader_of_a_group_is_told(shop: Shop, phones: Phones):
    number = await own_number(shop)
    await phones.changes(OTHER, sendsReceipts=False)
    group = await phones.group(FRIEND, OTHER, number)
    greeting = await shop.stored(await phones.writes(FRIEND, group, text="all here?", mentions=[number[1:]]))
    assert (greeting["chatId"], greeting["from"]) == (group, await phones.lid(FRIEND))
    assert len(greeting["mentions"]) == 1
    ours = await shop.send(to=group, text="We are.")

    async def counts(**wanted: int) -> None:
        async def so_many() -> bool:
            return bool((await shown(shop, ours["id"]))["receipts"] == wanted)

        await until(so_many)

    await counts(delivered=1, read=0, played=0)
    for phone in (FRIEND, OTHER):

        async def there(phone: str = phone) -> bool:
            return await phones.got(phone, ours["whatsappMessageId"])

        await until(there)
        await phones.reads(phone, ours["whatsappMessageId"])
    await counts(delivered=2, read=2, played=0)
    page = await shop.stage.call("GET", f"/v1/messages/{ours['id']}/receipts", 200)
    readers = {await phones.lid(FRIEND), await phones.lid(OTHER)}
    assert {item["participant"] for item in page["items"]} == readers
    for reader in readers:
        await shop.event("message.ack", participant=reader, participantStatus="read")


async def test_what_is_read_on_the_phone_is_read_here(shop: Shop, phones: Phones):
    number = await own_number(shop)
    sent = await shop.writes(text="read me at home")
    message = await shop.stored(sent)
    ours = await shop.send(text="Done.")
    assert message["readAt"] is None

    async def at_home() -> bool:
        return await phones.got(number, sent)

    await until(at_home)
    await phones.reads(number, sent)

    async def read() -> bool:
        return (await shown(shop, message["id"]))["readAt"] is not None

    await until(read)
    assert (await shown(shop, ours["id"]))["status"] in {"sent", "delivered"}


async def test_what_could_not_be_read_is_there_as_soon_as_it_can(shop: Shop):
    sent = await shop.writes(type="unreadable", text="at last", sentAgain=True)
    told = (await shop.event("message.undecryptable", whatsappMessageId=sent))["data"]
    assert (told["type"], told["withheld"]) == ("undecryptable", False)
    news = (await shop.event("message.received", whatsappMessageId=sent))["data"]
    assert (news["id"], news["text"]) == (told["id"], "at last")
    items = (await shop.stage.call("GET", f"{SENDS}?limit=200", 200))["items"]
    assert [item["type"] for item in items if item["whatsappMessageId"] == sent] == ["text"]
    withheld = await shop.stored(await shop.writes(type="withheld"))
    assert (withheld["type"], withheld["content"]) == ("undecryptable", {"withheld": True})


async def test_the_history_is_no_news_and_its_files_come_on_request(shop: Shop, phones: Phones):
    """A phone that wrote and was written to before it is linked."""
    number = "+4915100000077"
    await phones.exists(number)
    old = await phones.writes(FRIEND, number, type="image", data=DATA, caption="from before")
    own = await phones.writes(number, FRIEND, text="the answer")
    user = shop.stage
    await user.call("POST", "/v1/sessions", 201, json={"name": "late", "sandbox": True})
    await user.call("POST", "/v1/sessions/late/connect", 202, json={"wait": 20})
    await user.call("POST", "/v1/sandbox/sessions/late/scan", 200, json={"phone": number})
    found: dict[str, dict[str, Any]] = {}

    async def all_there() -> bool:
        items = (await user.call("GET", "/v1/sessions/late/messages", 200))["items"]
        found.update({item["whatsappMessageId"]: item for item in items})
        return {old, own} <= set(found)

    await until(all_there, within=30)
    assert [found[one]["history"] for one in (old, own)] == [True, True]
    assert (found[old]["status"], found[own]["status"]) == ("received", "delivered")
    assert found[old]["media"]["status"] == "pending"
    picture_id = found[old]["id"]
    await user.connected("late")
    asked = await user.call("POST", f"/v1/messages/{picture_id}/media", 202)
    assert asked["media"]["status"] == "pending"
    told = (await shop.event("message.media", id=picture_id))["data"]["media"]
    assert told["size"] == len(picture()), told
    again = await user.call("POST", f"/v1/messages/{picture_id}/media", 200)
    assert (again["media"]["status"], again["media"]["size"]) == ("kept", len(picture()))
    problem = await user.call("POST", f"/v1/messages/{found[own]['id']}/media", 409)
    assert problem["code"] == "no_file"
    await user.call("POST", "/v1/messages/nothing/media", 404)
    events = (await user.call("GET", "/v1/events?types=message.received,message.sent&limit=200", 200))[
        "items"
    ]
    assert not {old, own} & {event["data"]["whatsappMessageId"] for event in events}
