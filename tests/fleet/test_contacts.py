"""Whom a message reached, told by a real client: the number, and the name that hides it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TEMPLATE
from tests.fleet.shop import FRIEND, Shop, open_shop
from tests.fleet.stage import stage

SHOP = "/v1/sessions/shop"
NEW, WITHOUT_NINE, WITH_NINE = "+4915100000077", "+551187654321", "+5511987654321"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with stage(tmp_path, TEMPLATE) as opened:
        yield await open_shop(opened)


async def texts(shop: Shop, chat: str) -> set[str]:
    """The network's times are whole seconds: what is of one second comes in any order."""
    items = (await shop.stage.call("GET", f"{SHOP}/messages", 200, params={"chat": chat}))["items"]
    return {item["text"] for item in items}


async def contact(shop: Shop, name: str) -> dict[str, Any]:
    found: dict[str, Any] = await shop.stage.call("GET", f"{SHOP}/contacts/{name}", 200)
    return found


async def test_an_answer_names_the_recipient_and_their_reply_is_in_the_same_chat(shop: Shop):
    await shop.stage.network.make_phone(NEW)
    sent = await shop.send(to=NEW, text="to the number")
    assert (sent["chatId"], sent["phone"]) == (f"{NEW[1:]}@s.whatsapp.net", NEW)
    assert str(sent["lid"]).endswith("@lid")
    reply = await shop.stored(await shop.writes(**{"from": NEW, "type": "text", "text": "from the lid"}))
    assert (reply["chatId"], reply["contactId"]) == (sent["lid"], sent["contactId"])
    assert (reply["phone"], reply["lid"]) == (NEW, sent["lid"])
    by_lid = await shop.send(to=sent["lid"], text="to the lid")
    assert (by_lid["phone"], by_lid["contactId"]) == (NEW, sent["contactId"])
    for name in (NEW, sent["lid"]):
        assert await texts(shop, name) == {"to the lid", "from the lid", "to the number"}
        assert (await contact(shop, name))["id"] == sent["contactId"]
    # What answers names a message of the same chat, under whichever name it is sent.
    answer = await shop.send(to=NEW, text="answered", replyTo=reply["id"])
    assert answer["replyTo"]["text"] == "from the lid"
    await shop.writes(**{"from": NEW, "type": "reaction", "target": sent["whatsappMessageId"], "emoji": "👍"})
    assert (await shop.event("message.reaction"))["data"]["messageId"] == sent["id"]
    chats = (await shop.stage.call("GET", f"{SHOP}/chats", 200))["items"]
    (chat,) = [chat for chat in chats if chat["contactId"] == sent["contactId"]]
    assert (chat["lastMessage"]["text"], chat["unread"]) == ("answered", 1)
    assert await shop.stage.call("POST", f"{SHOP}/chats/{NEW}/read", 200) == {"read": 1}
    chats = (await shop.stage.call("GET", f"{SHOP}/chats", 200))["items"]
    assert [chat["unread"] for chat in chats if chat["phone"] == NEW] == [0]


async def test_a_look_up_makes_known_who_it_is(shop: Shop):
    await shop.stage.network.make_phone(NEW)
    found = await shop.stage.call("GET", f"{SHOP}/contacts/check", 200, params={"phone": NEW})
    known = await contact(shop, NEW)
    assert (known["lid"], known["phone"], known["lastMessageAt"]) == (found["lid"], NEW, None)
    friend = await contact(shop, FRIEND)
    assert friend["lastMessageAt"] is not None


async def test_a_number_that_the_network_writes_in_another_way_is_reached(shop: Shop):
    await shop.stage.network.make_phone(WITHOUT_NINE)
    sent = await shop.send(to=WITH_NINE, text="with the nine")
    assert (sent["phone"], sent["chatId"]) == (WITHOUT_NINE, f"{WITHOUT_NINE[1:]}@s.whatsapp.net")
    assert sent["to"] == f"{WITH_NINE[1:]}@s.whatsapp.net"
    assert (await shop.reached(sent, WITHOUT_NINE))["text"] == "with the nine"
    again = await shop.send(to=WITHOUT_NINE, text="without it")
    assert again["contactId"] == sent["contactId"]
    await shop.stored(await shop.writes(**{"from": WITHOUT_NINE, "type": "text", "text": "reply"}))
    for name in (WITH_NINE, WITHOUT_NINE, str(sent["lid"])):
        assert await texts(shop, name) == {"reply", "without it", "with the nine"}
    refused = await shop.send(422, to="+4915199999999", text="to nobody")
    assert "nobody on WhatsApp has this number" in refused["detail"]
