"""What people do in chats beside writing, over REST and with a real client."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import TEMPLATE
from tests.fleet.shop import FRIEND, OTHER, Shop, open_shop
from tests.fleet.stage import stage
from tests.waiting import until

SHOP = "/v1/sessions/shop"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with stage(tmp_path, TEMPLATE) as opened:
        yield await open_shop(opened)


async def check(shop: Shop, phone: str, status: int = 200) -> dict[str, object]:
    found: dict[str, object] = await shop.stage.call(
        "GET", f"{SHOP}/contacts/check", status, params={"phone": phone}
    )
    return found


async def test_a_number_is_told_to_be_there_or_not(shop: Shop):
    here = await check(shop, "+49 151 0000-0041")
    assert (here["phone"], here["exists"]) == (FRIEND, True)
    assert here["chatId"] == f"{FRIEND[1:]}@s.whatsapp.net"
    assert str(here["lid"]).endswith("@lid")
    nobody = await check(shop, "+4915199999999")
    assert nobody == {"phone": "+4915199999999", "exists": False, "chatId": None, "lid": None}
    for phone in ("me", "120363000000000000@g.us", ""):
        assert (await check(shop, phone, 422))["errors"] == [
            {"pointer": "/phone", "detail": "is no chat id" if "@" not in phone else "is no phone number"}
        ]


async def test_typing_is_shown_and_what_makes_no_sense_refused(shop: Shop):
    typing = f"{SHOP}/chats/{FRIEND}/typing"
    for state in ("typing", "recording", "paused"):
        await shop.stage.call("POST", typing, 204, json={"state": state})
    await shop.stage.call("POST", typing, 204)
    problem = await shop.stage.call("POST", typing, 422, json={"state": "sleeping"})
    assert problem["errors"][0]["pointer"] == "/state"
    assert (await shop.stage.call("POST", f"{SHOP}/chats/me/typing", 422))["code"] == "invalid_chat_id"


async def test_messages_are_read_once_and_their_writers_hear_of_it(shop: Shop):
    first, second = [await shop.stored(await shop.writes(type="text", text=text)) for text in ("one", "two")]
    read = f"{SHOP}/chats/{FRIEND}/read"
    one = await shop.stage.call("POST", read, 200, json={"messageIds": [first["id"]]})
    assert one == {"read": 1}
    # The greeting of the fixture, and the second one; by the name that hides the number as well.
    rest = await shop.stage.call("POST", f"{SHOP}/chats/{second['chatId']}/read", 200)
    assert rest == {"read": 2}
    assert await shop.stage.call("POST", read, 200) == {"read": 0}
    assert (await shop.stage.call("GET", f"/v1/messages/{second['id']}", 200))["readAt"]

    async def told() -> bool:
        receipts = await shop.stage.network.receipts(FRIEND)
        read = {one for receipt in receipts if receipt["type"] == "read" for one in receipt["messageIds"]}
        return {first["whatsappMessageId"], second["whatsappMessageId"]} <= read

    await until(told)
    for ids in ([first["id"]], ["msg-00000000-0000-7000-8000-000000000000"], [second["id"], "3EB0"]):
        await shop.stage.call("POST", read, 404, json={"messageIds": ids})
    await shop.stage.call("POST", f"{SHOP}/chats/{OTHER}/read", 404, json={"messageIds": [first["id"]]})
    await shop.stage.call("POST", read, 422, json={"messageIds": []})


async def test_a_session_that_does_not_run_answers_none_of_it(shop: Shop):
    await shop.stage.call("POST", f"{SHOP}/disconnect", 200)
    assert (await check(shop, FRIEND, 409))["code"] == "session_not_connected"
    for path in ("typing", "read"):
        refused = await shop.stage.call("POST", f"{SHOP}/chats/{FRIEND}/{path}", 409)
        assert refused["code"] == "session_not_connected"
    for path in ("typing", "read"):
        await shop.stage.call("POST", f"/v1/sessions/nobody/chats/{FRIEND}/{path}", 404)
