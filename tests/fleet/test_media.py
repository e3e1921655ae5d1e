"""Files that friends send: found with their message, and fetched by a link, byte for byte."""

import base64
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.conftest import TEMPLATE
from tests.fleet.shop import Shop, open_shop
from tests.fleet.stage import stage
from tests.waiting import until


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with stage(tmp_path, TEMPLATE) as opened:
        yield await open_shop(opened)


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (20, 120, 80)).save(file, "JPEG")
    return file.getvalue()


async def kept(shop: Shop, whatsapp_id: str) -> dict[str, Any]:
    message = await shop.stored(whatsapp_id)
    found: list[dict[str, Any]] = []

    async def it_is() -> bool:
        found[:] = [await shop.stage.call("GET", f"/v1/messages/{message['id']}", 200)]
        return bool(found[0]["media"]["status"] == "kept")

    await until(it_is)
    return found[0]


async def fetch(shop: Shop, path: str, **headers: str) -> httpx.Response:
    """As anybody: the link is all that it takes."""
    async with httpx.AsyncClient(base_url=str(shop.stage.client.base_url)) as client:
        return await client.get(path, headers=headers)


async def test_a_picture_is_kept_and_its_link_gives_it_byte_for_byte(shop: Shop):
    data = picture()
    encoded = base64.b64encode(data).decode()
    message = await kept(shop, await shop.writes(type="image", data=encoded, caption="Look!"))
    media = message["media"]
    assert (message["type"], message["text"]) == ("image", "Look!")
    assert (media["contentType"], media["size"]) == ("image/jpeg", len(data))
    assert media["sha256"] == hashlib.sha256(data).hexdigest()
    answer = await fetch(shop, media["url"])
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"].startswith("inline")
    assert "sandbox" in answer.headers["content-security-policy"]
    part = await fetch(shop, media["url"], Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(data)}"
    beyond = await fetch(shop, media["url"], Range=f"bytes={len(data)}-")
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")
    told = await shop.event("message.media", id=message["id"])
    assert "key" not in told["data"]["media"]
    for content in (message["content"], told["data"]["content"]):
        assert not {"ticket", "media_key"} & set(content)


async def test_a_page_of_a_stranger_is_only_ever_a_download(shop: Shop):
    page = b"<html><script>alert(1)</script></html>"
    encoded = base64.b64encode(page).decode()
    sent = await shop.writes(type="document", data=encoded, fileName="bill.html", mimetype="text/html")
    media = (await kept(shop, sent))["media"]
    answer = await fetch(shop, media["url"])
    assert answer.content == page
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_link_that_was_changed_or_whose_message_is_gone_leads_nowhere(shop: Shop):
    encoded = base64.b64encode(picture()).decode()
    message = await kept(shop, await shop.writes(type="image", data=encoded))
    url = message["media"]["url"]
    for path in (url[:-2], url + "AA", "/v1/media/x", f"/v1/media/{'A' * 76}", url.swapcase()):
        assert (await fetch(shop, path)).status_code == 404, path
    await shop.stage.call("DELETE", "/v1/sessions/shop", 204)
    assert (await fetch(shop, url)).status_code == 404
