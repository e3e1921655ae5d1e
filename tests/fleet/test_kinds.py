"""Every kind that needs no file: sent over REST and found in a virtual phone, and the other way round."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TEMPLATE
from tests.fleet.shop import FRIEND, OTHER, Shop, open_shop
from tests.fleet.stage import stage


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with stage(tmp_path, TEMPLATE) as opened:
        yield await open_shop(opened)


async def test_what_is_sent_reaches_the_phone_as_it_was_meant(shop: Shop):
    text = await shop.send(text="Good morning, @4915100000042", mentions=[OTHER])
    assert (text["type"], text["mentions"]) == ("text", [f"{OTHER[1:]}@s.whatsapp.net"])
    # Its receipt may have come before the answer.
    assert text["status"] in {"sent", "delivered"}
    assert (await shop.reached(text))["text"] == "Good morning, @4915100000042"
    place = {"latitude": 52.5163, "longitude": 13.3777, "name": "Gate", "address": "Pariser Platz"}
    location = await shop.reached(await shop.send(type="location", location=place))
    assert (location["type"], location["latitude"], location["name"]) == ("location", 52.5163, "Gate")
    card = await shop.send(type="contact", contact={"name": "Anna; the first", "phone": OTHER})
    assert "waid=4915100000042" in str(await shop.reached(card))
    several = [{"name": "Anna", "phone": OTHER}, {"name": "Ben", "phone": FRIEND}]
    assert (await shop.reached(await shop.send(type="contact", contacts=several)))["type"] == "contacts"
    question = {"question": "When?", "options": ["today", "tomorrow"], "selectable": 0}
    poll = await shop.reached(await shop.send(type="poll", poll=question))
    assert (poll["type"], poll["options"]) == ("poll", ["today", "tomorrow"])


async def test_an_answer_a_reaction_a_change_and_a_deletion_find_their_message(shop: Shop):
    asked = await shop.stored(await shop.writes(type="text", text="Are you open?"))
    answer = await shop.send(text="Until nine.", replyTo=asked["id"])
    assert answer["replyTo"]["text"] == "Are you open?"
    assert (await shop.reached(answer))["replyTo"] == asked["whatsappMessageId"]
    by_network_id = await shop.send(text="And tomorrow.", replyTo=asked["whatsappMessageId"])
    assert by_network_id["replyTo"] == answer["replyTo"]
    heart = await shop.do("POST", f"{asked['id']}/reactions", emoji="❤️")
    assert (heart["type"], (await shop.reached(heart))["emoji"]) == ("reaction", "❤️")
    assert (await shop.event("message.reaction"))["data"]["messageId"] == asked["id"]
    edited = await shop.do("PATCH", answer["id"], 200, text="Until ten.")
    assert (await shop.reached(edited))["text"] == "Until ten."
    now = await shop.stage.call("GET", f"/v1/messages/{answer['id']}", 200)
    assert (now["text"], bool(now["editedAt"])) == ("Until ten.", True)
    revoked = await shop.do("DELETE", answer["id"], 200)
    assert (await shop.reached(revoked))["type"] == "revoke"
    assert (await shop.stage.call("GET", f"/v1/messages/{answer['id']}", 200))["revokedAt"]
    for kind in ("message.edited", "message.revoked"):
        assert (await shop.event(kind))["data"]["messageId"] == answer["id"]
    forwarded = await shop.do("POST", f"{asked['id']}/forward", to=OTHER)
    assert (forwarded["forwarded"], (await shop.reached(forwarded, OTHER))["text"]) == (True, "Are you open?")


async def test_what_a_friend_does_to_messages_is_told_and_kept(shop: Shop):
    first = await shop.stored(await shop.writes(type="text", text="Are you opne?"))
    await shop.writes(type="edit", target=first["whatsappMessageId"], text="Are you open?")
    edited = await shop.event("message.edited", messageId=first["id"])
    assert edited["data"]["text"] == "Are you open?"
    ours = await shop.send(text="Until nine.")
    await shop.reached(ours)
    await shop.writes(type="reaction", target=ours["whatsappMessageId"], emoji="👍")
    await shop.event("message.reaction", messageId=ours["id"])
    await shop.writes(type="revoke", target=first["whatsappMessageId"])
    await shop.event("message.revoked", messageId=first["id"])
    now = await shop.stage.call("GET", f"/v1/messages/{first['id']}", 200)
    assert (now["text"], bool(now["editedAt"]), bool(now["revokedAt"])) == ("Are you open?", True, True)
    place = await shop.stored(await shop.writes(type="location", latitude=1.5, longitude=2.5, name="Here"))
    assert (place["type"], place["content"]["latitude"]) == ("location", 1.5)
    card = await shop.stored(await shop.writes(type="contact", name="Anna", number=OTHER[1:]))
    assert card["type"] == "contact"


async def test_what_cannot_be_is_refused_where_it_is_wrong(shop: Shop):
    async def refused(pointer: str, **body: Any) -> None:
        problem = await shop.send(422, **body)
        assert [error["pointer"] for error in problem["errors"]] == [pointer], problem

    await refused("/type", type="telegram", text="x")
    await refused("/text")
    await refused("/location", type="location")
    await refused("/location/latitude", type="location", location={"latitude": 91, "longitude": 0})
    await refused("/replyTo", text="x", replyTo="msg-nothing")
    await refused("/mentions/0", text="x", mentions=["120363000000000000@g.us"])
    await refused("/mentions/1", text="x", mentions=[OTHER, "somebody"])
    await refused("/contact", type="contact")
    await refused("/contact/phone", type="contact", contact={"name": "Anna"})
    await refused("/contact/vcard", type="contact", contact={"name": "Anna", "vcard": "no card"})
    await refused("/poll/options", type="poll", poll={"question": "q", "options": ["a", "a"]})
    await refused(
        "/poll/selectable", type="poll", poll={"question": "q", "options": ["a", "b"], "selectable": 3}
    )
    await refused("/reaction/messageId", type="reaction", reaction={"messageId": "3EB0", "emoji": "x"})
    theirs = await shop.stored(await shop.writes(type="text", text="mine"))
    for method, path, body in (("PATCH", theirs["id"], {"text": "yours"}), ("DELETE", theirs["id"], {})):
        assert (await shop.do(method, path, 409, **body))["code"] == "message_not_changeable"
    for method, path, body in (
        ("PATCH", "msg-00000000-0000-7000-8000-000000000000", {"text": "x"}),
        ("POST", "nonsense/reactions", {"emoji": "x"}),
    ):
        assert (await shop.do(method, path, 404, **body))["code"] == "not_found"
