"""Files of every kind, handed in in every way, and found in a virtual phone, decrypted."""

import base64
import hashlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from tests.conftest import TEMPLATE
from tests.fleet.shop import FRIEND, OTHER, SENDS, Shop, open_shop
from tests.fleet.stage import stage
from tests.integration.egress_stand import site
from tests.media.conftest import program, samples
from tests.media.samples import Samples, picture
from tests.waiting import until

__all__ = ["program", "samples"]

DOCUMENT = b"%PDF-1.7\n" + bytes(range(256)) * 50


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with stage(tmp_path, TEMPLATE, WAYPOST_EGRESS_ALLOW="127.0.0.1") as opened:
        yield await open_shop(opened)


def encoded(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


async def form(
    shop: Shop, data: bytes, name: str = "a.bin", status: int = 201, **body: Any
) -> dict[str, Any]:
    message = json.dumps({"to": FRIEND, **body})
    files = {"message": (None, message, "application/json"), "file": (name, data)}
    found: dict[str, Any] = await shop.stage.call("POST", SENDS, status, files=files)
    return found


async def arrived(shop: Shop, message: dict[str, Any], phone: str = FRIEND) -> tuple[dict[str, Any], bytes]:
    """What the phone shows, and its file."""
    shown = await shop.reached(message, phone)
    return shown, await shop.stage.network.file(phone, message["whatsappMessageId"])


async def own(shop: Shop, message: dict[str, Any]) -> bytes:
    """What the sender sees of it, by a link."""
    media = (await shop.stage.call("GET", f"/v1/messages/{message['id']}", 200))["media"]
    assert media["status"] == "kept", media
    content: bytes = (await shop.stage.client.get(media["url"], headers={"Authorization": ""})).content
    assert hashlib.sha256(content).hexdigest() == media["sha256"]
    return content


async def test_each_kind_arrives_as_itself(shop: Shop, samples: Samples):
    async def sent(kind: str, data: bytes, **body: Any) -> tuple[dict[str, Any], bytes]:
        message = await shop.send(type=kind, media=encoded(data), **body)
        assert message["type"] == kind
        assert message["status"] in {"sent", "delivered"}
        assert await own(shop, message) == data
        return await arrived(shop, message)

    image, video, voice = picture("JPEG"), samples.data("plain.mp4"), samples.data("note.ogg")
    shown, data = await sent("image", image, caption="Look", viewOnce=True)
    assert (shown["type"], shown["caption"], shown["viewOnce"], data) == ("image", "Look", True, image)
    shown, data = await sent("video", video, caption="Moving")
    assert (shown["type"], shown["caption"], data) == ("video", "Moving", video)
    shown, _ = await sent("video", samples.data("silent.mp4"), gif=True)
    assert shown["type"] == "gif"
    shown, data = await sent("voice", voice)
    assert (shown["type"], shown["seconds"], data) == ("voice", 2, voice)
    song = samples.data("song.mp3")
    shown, data = await sent("audio", song)
    assert (shown["type"], data) == ("audio", song)
    # Converted: a PNG becomes the WebP that stickers are.
    shown, data = await sent("sticker", picture("PNG"))
    assert (shown["type"], Image.open(io.BytesIO(data)).format) == ("sticker", "WEBP")
    shown, _ = await sent("voice", song)
    assert (shown["type"], shown["file"]["mimetype"]) == ("voice", "audio/ogg; codecs=opus")
    media = {**encoded(DOCUMENT), "fileName": "../bill.pdf", "contentType": "application/pdf"}
    document = await shop.send(type="document", media=media, caption="Your bill")
    shown, data = await arrived(shop, document)
    assert (shown["type"], shown["fileName"], shown["caption"]) == ("document", "bill.pdf", "Your bill")
    assert (shown["file"]["mimetype"], data) == ("application/pdf", DOCUMENT)


async def test_by_a_form_and_by_a_url_it_is_the_same(shop: Shop, samples: Samples):
    message = await form(shop, DOCUMENT, "Bill März.pdf", type="document")
    shown, data = await arrived(shop, message)
    assert (shown["fileName"], data) == ("Bill März.pdf", DOCUMENT)
    # More than is ever held in memory.
    large = DOCUMENT * 400
    assert (await arrived(shop, await form(shop, large, type="document")))[1] == large
    image = picture("PNG")

    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=image, content_type="image/png")

    async with site(serve) as server:
        media = {"url": f"http://127.0.0.1:{server.port}/pictures/door.png?size=1"}
        message = await shop.send(type="image", media=media, caption="The door")
    assert (await arrived(shop, message))[1] == image
    assert (message["media"]["contentType"], message["media"]["fileName"]) == ("image/png", "door.png")


async def test_answers_mentions_and_captions_belong_to_files_too(shop: Shop):
    asked = await shop.stored(await shop.writes(type="text", text="Which door?"))
    media = encoded(picture("JPEG"))
    caption = f"This one, @{OTHER[1:]}"
    message = await shop.send(
        type="image", media=media, caption=caption, replyTo=asked["id"], mentions=[OTHER]
    )
    assert (message["text"], message["replyTo"]["text"]) == (caption, "Which door?")
    assert (await shop.reached(message))["replyTo"] == asked["whatsappMessageId"]
    edited = await shop.do("PATCH", message["id"], 200, text="That one")
    assert (await shop.reached(edited))["text"] == "That one"
    now = await shop.stage.call("GET", f"/v1/messages/{message['id']}", 200)
    assert (now["text"], now["media"]["status"]) == ("That one", "kept")


async def test_files_are_forwarded_whoever_sent_them_and_outlive_what_they_are_copied_from(shop: Shop):
    image = picture("JPEG")
    mine = await shop.send(type="image", media=encoded(image), caption="Mine")
    forwarded = await shop.do("POST", f"{mine['id']}/forward", to=OTHER)
    assert (forwarded["forwarded"], forwarded["text"]) == (True, "Mine")
    assert (await arrived(shop, forwarded, OTHER))[1] == await own(shop, forwarded) == image
    theirs = await shop.stored(await shop.writes(type="image", data=base64.b64encode(image).decode()))

    async def kept() -> bool:
        found = await shop.stage.call("GET", f"/v1/messages/{theirs['id']}", 200)
        return bool(found["media"]["status"] == "kept")

    await until(kept)
    forwarded = await shop.do("POST", f"{theirs['id']}/forward", to=OTHER)
    assert (await arrived(shop, forwarded, OTHER))[1] == image
    once = await shop.send(type="image", media=encoded(image), viewOnce=True)
    refused = await shop.do("POST", f"{once['id']}/forward", 409, to=OTHER)
    assert refused["code"] == "message_not_changeable"


async def test_a_file_of_another_kind_is_refused_in_the_words_of_who_looked_at_it(shop: Shop):
    refused = await form(shop, b"just some words", "a.jpg", 422, type="image")
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("file_refused", "/media")
    assert "JPEG" in refused["detail"]
    failed = await shop.event("message.failed")
    message = await shop.stage.call("GET", f"/v1/messages/{failed['data']['id']}", 200)
    assert (message["status"], message["error"]) == ("failed", refused["detail"])
    assert await own(shop, message) == b"just some words"
