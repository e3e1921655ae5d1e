"""Messages by HTTP: what one phone is told to send, and what another has received."""

import asyncio
import base64
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.client import companion
from worker.sandbox import media
from worker.sandbox.library import Message
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

FILE = bytes(range(256)) * 40
DATA = base64.b64encode(FILE).decode()

KINDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "text", "text": "hello 👋"}, {"text": "hello 👋"}),
    (
        {
            "type": "text",
            "text": "see https://example.org",
            "preview": {"url": "https://example.org", "title": "Example", "description": "of a page"},
        },
        {},
    ),
    ({"type": "location", "latitude": 52.5, "longitude": 13.25, "name": "Berlin"}, {}),
    ({"type": "live_location", "latitude": -1.5, "longitude": 0, "caption": "on my way"}, {}),
    ({"type": "poll", "question": "Where to?", "options": ["Sea", "Hills"], "selectable": 0}, {}),
    ({"type": "reaction", "target": "3A00", "emoji": "👍"}, {}),
    ({"type": "reaction", "target": "3A00", "emoji": ""}, {}),
    ({"type": "edit", "target": "3A00", "text": "better words"}, {}),
    ({"type": "revoke", "target": "3A00"}, {}),
    ({"type": "pin", "target": "3A00"}, {"pinned": True}),
    ({"type": "pin", "target": "3A00", "seconds": 0}, {"pinned": False}),
]
FILES: list[dict[str, Any]] = [
    {"type": "image", "mimetype": "image/png", "caption": "a picture", "viewOnce": True},
    {"type": "image", "mimetype": "image/png"},
    {"type": "video", "mimetype": "video/mp4", "caption": "a film"},
    {"type": "gif", "mimetype": "video/mp4"},
    {"type": "video_note", "mimetype": "video/mp4"},
    {"type": "audio", "mimetype": "audio/mpeg", "seconds": 3},
    {"type": "voice", "mimetype": "audio/ogg; codecs=opus", "seconds": 3},
    {"type": "document", "mimetype": "text/plain", "fileName": "a.txt", "caption": "to read"},
    {"type": "sticker", "mimetype": "image/webp"},
]


@pytest.mark.parametrize(("body", "more"), KINDS)
async def test_every_kind_arrives_as_it_was_sent(
    control: httpx.AsyncClient, anna: Phone, ben: Phone, body: dict[str, Any], more: dict[str, Any]
) -> None:
    message_id = await _send(control, anna, ben.number, body)
    (item,) = await _inbox(control, ben)
    sent = {name: value for name, value in body.items() if name != "seconds"}
    assert item.items() >= (sent | more).items()
    assert (item["messageId"], item["from"], item["fromDevice"]) == (message_id, anna.number, 0)
    assert (item["chat"], item["fromMe"]) == (anna.number, False)


@pytest.mark.parametrize("body", FILES)
async def test_every_kind_of_file_arrives_byte_for_byte(
    control: httpx.AsyncClient, anna: Phone, ben: Phone, body: dict[str, Any]
) -> None:
    await _send(control, anna, ben.number, {**body, "data": DATA})
    (item,) = await _inbox(control, ben)
    file = item.pop("file")
    assert item.items() >= {name: value for name, value in body.items() if name != "mimetype"}.items()
    assert file["mimetype"] == body["mimetype"]
    assert (file["size"], file["sha256"]) == (len(FILE), hashlib.sha256(FILE).hexdigest())
    assert (await control.get(file["url"])).content == FILE


async def test_a_document_in_its_envelope_is_read_too(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, ben: Phone
) -> None:
    bare = media.file_message(sandbox.network.media, "document", FILE, "text/plain", caption="to read")
    content: Any = Message()
    content.documentWithCaptionMessage.message.CopyFrom(bare)
    await anna.send(ben, Outgoing(content, "media"))
    (item,) = await _inbox(control, ben)
    assert (item["type"], item["caption"]) == ("document", "to read")
    assert (await control.get(item["file"]["url"])).content == FILE


@pytest.mark.parametrize(
    "content",
    [
        Message(),
        Message(protocolMessage={"type": "EPHEMERAL_SETTING", "ephemeralExpiration": 1}),
        Message(extendedTextMessage={"text": "x", "contextInfo": {"mentionedJID": ["@", "x@y", "::@lid"]}}),
        Message(locationMessage={"degreesLatitude": float("nan")}),
        Message(pollUpdateMessage={"vote": {"encPayload": b"x", "encIV": b"y"}}),
        Message(imageMessage={"directPath": "/v/../../sandbox.sqlite3?", "fileLength": 2**64 - 1}),
    ],
)
async def test_odd_messages_do_not_spoil_an_inbox(
    control: httpx.AsyncClient, anna: Phone, ben: Phone, content: Any
) -> None:
    content.messageContextInfo.messageSecret = bytes(32)
    content.chat.displayName = "never empty"
    await anna.send(ben, Outgoing(content))
    await _send(control, anna, ben.number, {"type": "text", "text": "the next"})
    *_, last = await _inbox(control, ben)
    assert last["text"] == "the next"
    for item in await _inbox(control, ben):
        assert (await control.get(f"/phones/{ben.number}/inbox/{item['messageId']}/file")).status_code == 404


async def test_people_are_told_by_their_cards(control: httpx.AsyncClient, anna: Phone, ben: Phone) -> None:
    carla = {"name": "Carla", "number": "4915550000"}
    await _send(control, anna, ben.number, {"type": "contact", **carla})
    await _send(control, anna, ben.number, {"type": "contacts", "people": [carla, carla]})
    one, several = await _inbox(control, ben)
    assert one["name"] == "Carla"
    assert "waid=4915550000" in one["vcard"]
    assert [person["vcard"] for person in several["people"]] == [one["vcard"]] * 2


async def test_a_message_may_answer_mention_be_passed_on_and_vanish(
    control: httpx.AsyncClient, anna: Phone, ben: Phone
) -> None:
    asked = await _send(control, ben, anna.number, {"type": "text", "text": "coming?"})
    answer = {"type": "text", "text": f"yes, @{ben.account.lid}", "replyTo": asked}
    more = {"mentions": [ben.number], "forwarded": True, "disappearsAfter": 86_400}
    await _send(control, anna, ben.number, {**answer, **more})
    (item,) = await _inbox(control, ben)
    assert item.items() >= (answer | more).items()


async def test_what_it_does_not_have_a_phone_cannot_answer(
    control: httpx.AsyncClient, anna: Phone, ben: Phone
) -> None:
    body: dict[str, Any] = {"to": ben.number, "type": "text", "text": "yes", "replyTo": "3A00"}
    assert (await control.post(f"/phones/{anna.number}/messages", json=body)).status_code == 404
    body = {"to": ben.number, "type": "poll_vote", "target": "3A00", "options": ["Sea"]}
    assert (await control.post(f"/phones/{anna.number}/messages", json=body)).status_code == 404
    text = await _send(control, ben, anna.number, {"type": "text", "text": "no poll"})
    answer = await control.post(f"/phones/{anna.number}/messages", json={**body, "target": text})
    assert (answer.status_code, answer.json()["field"]) == (422, "target")


async def test_a_kind_that_can_mention_nobody_says_so(
    control: httpx.AsyncClient, anna: Phone, ben: Phone
) -> None:
    body = {"to": ben.number, "type": "revoke", "target": "3A00", "mentions": [ben.number]}
    answer = await control.post(f"/phones/{anna.number}/messages", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert await _inbox(control, ben) == []


async def test_votes_are_counted_by_whoever_has_the_poll(
    control: httpx.AsyncClient, anna: Phone, ben: Phone
) -> None:
    poll = {"type": "poll", "question": "Where to?", "options": ["Sea", "Hills"]}
    target = await _send(control, anna, ben.number, poll)
    await _send(control, ben, anna.number, {"type": "poll_vote", "target": target, "options": ["Hills"]})
    (item,) = await _inbox(control, anna)
    assert (item["type"], item["target"], item["options"]) == ("poll_vote", target, ["Hills"])


async def test_in_a_group_everybody_reads_and_only_members_write(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, ben: Phone
) -> None:
    carla = await sandbox.network.new_phone()
    body = {"creator": anna.number, "subject": "Lunch", "members": [ben.number]}
    group = (await control.post("/groups", json=body)).json()["groupId"]
    message_id = await _send(control, ben, group, {"type": "text", "text": "hungry"})
    await _send(control, anna, group, {"type": "reaction", "target": message_id, "emoji": "🍝"})
    await _send(control, anna, group, {"type": "revoke", "target": message_id})
    (item,) = await _inbox(control, anna)
    assert (item["chat"], item["from"], item["text"]) == (group, ben.number, "hungry")
    reaction, revoke = await _inbox(control, ben)
    assert (reaction["target"], revoke["target"]) == (message_id, message_id)
    for message in list(ben.inbox):
        part = message.content.reactionMessage.key if message.content.reactionMessage.text else None
        key = part or message.content.protocolMessage.key
        assert (key.fromMe, key.participant) == (False, str(ben.account.lid_jid))

    text = {"to": group, "type": "text", "text": "let me in"}
    refused = await control.post(f"/phones/{carla.number}/messages", json=text)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_a_member")


@pytest.mark.parametrize(
    "to", ["4915500000000", "x", "120363000000000000@g.us", "..", "@", "4915500000000@s.whatsapp.net"]
)
async def test_whom_there_is_not_nobody_writes_to(control: httpx.AsyncClient, anna: Phone, to: str) -> None:
    body = {"to": to, "type": "text", "text": "hello"}
    assert (await control.post(f"/phones/{anna.number}/messages", json=body)).status_code == 404


async def test_a_client_and_a_phone_talk_and_a_large_file_keeps_nobody_waiting(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await client.call("send", to=ben.number, text="from the client")
        (item,) = await _inbox(control, ben)
        assert (item["text"], item["from"], item["fromDevice"]) == (
            "from the client",
            anna.number,
            device.device,
        )
        (copy,) = await _inbox(control, anna)
        assert (copy["fromMe"], copy["chat"], copy["from"]) == (True, ben.number, anna.number)

        large = base64.b64encode(bytes(20 * 1024 * 1024)).decode()
        sending = asyncio.create_task(
            _send(control, ben, anna.number, {"type": "document", "mimetype": "a/b", "data": large})
        )
        await client.call("send", to=ben.number, text="meanwhile")
        message_id = await sending
        assert (await client.event("message"))["id"] == message_id


async def test_pages_follow_each_other_and_can_be_of_one_author(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, ben: Phone
) -> None:
    carla = await sandbox.network.new_phone()
    for number in range(5):
        await ben.send_text(anna, f"Ben {number}")
        await carla.send_text(anna, f"Carla {number}")
    seen, after = [], 0
    while items := (page := await _page(control, anna, after=after, limit=3))["items"]:
        seen += [item["text"] for item in items]
        after = page["next"]
    assert seen == [f"{name} {number}" for number in range(5) for name in ("Ben", "Carla")]

    bens, after = [], 0
    while items := (page := await _page(control, anna, after=after, limit=3, **{"from": ben.number}))[
        "items"
    ]:
        bens += [item["text"] for item in items]
        after = page["next"]
    assert bens == [f"Ben {number}" for number in range(5)]
    assert page["next"] == (await _page(control, anna))["next"]


async def test_whoever_waits_hears_of_the_next_message_at_once(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, ben: Phone
) -> None:
    carla = await sandbox.network.new_phone()
    waiting = asyncio.create_task(_page(control, anna, wait=30, **{"from": ben.number}))
    await control.get("/health")
    await carla.send_text(anna, "not this one")
    await control.get("/health")
    assert not waiting.done()
    await ben.send_text(anna, "this one")
    (item,) = (await asyncio.wait_for(waiting, 10))["items"]
    assert item["text"] == "this one"

    nothing = await _page(control, anna, after=item["position"], wait=0.05)
    assert nothing == {"items": [], "next": item["position"]}


async def test_receipts_are_sent_and_seen(control: httpx.AsyncClient, anna: Phone, ben: Phone) -> None:
    ids = [await _send(control, anna, ben.number, {"type": "text", "text": text}) for text in ("one", "two")]
    delivered = (await control.get(f"/phones/{anna.number}/receipts")).json()
    assert [(item["messageIds"], item["type"]) for item in delivered["items"]] == [
        ([message_id], "delivered") for message_id in ids
    ]

    answer = await control.post(f"/phones/{ben.number}/read", json={"messageIds": ids})
    assert (answer.status_code, answer.content) == (204, b"")
    await control.post(f"/phones/{ben.number}/read", json={"messageIds": ids[:1], "played": True})
    after = {"after": delivered["next"], "wait": 10}
    read, played = (await control.get(f"/phones/{anna.number}/receipts", params=after)).json()["items"]
    assert (sorted(read["messageIds"]), read["type"]) == (sorted(ids), "read")
    assert (played["messageIds"], played["type"]) == (ids[:1], "played")
    assert (played["from"], played["fromDevice"]) == (ben.number, 0)


async def test_only_what_has_arrived_is_read(control: httpx.AsyncClient, anna: Phone, ben: Phone) -> None:
    known = await _send(control, anna, ben.number, {"type": "text", "text": "hello"})
    for ids in ([known, "3A00"], ["../../x"]):
        assert (await control.post(f"/phones/{ben.number}/read", json={"messageIds": ids})).status_code == 404
    wrong_bodies: list[dict[str, Any]] = [
        {"messageIds": []},
        {"messageIds": [""]},
        {"messageIds": "3A00"},
        {},
    ]
    for wrong in wrong_bodies:
        assert (await control.post(f"/phones/{ben.number}/read", json=wrong)).status_code == 422
    receipts = (await control.get(f"/phones/{anna.number}/receipts")).json()["items"]
    assert [receipt["type"] for receipt in receipts] == ["delivered"]


async def test_a_file_that_is_gone_or_never_was_is_not_found(
    control: httpx.AsyncClient, anna: Phone, ben: Phone
) -> None:
    text = await _send(control, anna, ben.number, {"type": "text", "text": "no file"})
    for message_id in (text, "3A00", "..%2f..%2fsandbox.sqlite3"):
        assert (await control.get(f"/phones/{ben.number}/inbox/{message_id}/file")).status_code == 404


async def _send(control: httpx.AsyncClient, phone: Phone, to: str, body: dict[str, Any]) -> str:
    answer = await control.post(f"/phones/{phone.number}/messages", json={"to": to, **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["messageId"])


async def _inbox(control: httpx.AsyncClient, phone: Phone) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await _page(control, phone))["items"]
    return items


async def _page(control: httpx.AsyncClient, phone: Phone, **query: Any) -> dict[str, Any]:
    answer = await control.get(f"/phones/{phone.number}/inbox", params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page
