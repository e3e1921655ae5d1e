"""One message to many, by a real client: it arrives at each phone, and not where somebody has said STOP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TEMPLATE
from tests.fleet.shop import FRIEND, OTHER, Shop, open_shop
from tests.fleet.stage import stage
from tests.waiting import until

BROADCASTS = "/v1/sessions/shop/broadcasts"
THIRD = "+4915100000043"
NAMES = {FRIEND: "Anna", OTHER: "Ben", THIRD: "Cleo"}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with stage(tmp_path, TEMPLATE, WAYPOST_BULK_SECONDS="0.1") as opened:
        yield await open_shop(opened)


async def broadcast(shop: Shop, text: str) -> list[dict[str, Any]]:
    """Its recipients, when it is done."""
    recipients = [{"to": phone, "variables": {"name": name}} for phone, name in NAMES.items()]
    body = {"message": {"text": text}, "recipients": recipients}
    made = await shop.stage.call("POST", BROADCASTS, 201, json=body)

    async def done() -> bool:
        found = await shop.stage.call("GET", f"{BROADCASTS}/{made['id']}", 200)
        return bool(found["status"] == "done")

    await until(done, within=30)
    page = await shop.stage.call("GET", f"{BROADCASTS}/{made['id']}/recipients", 200)
    return list(page["items"])


async def arrives(shop: Shop, recipient: dict[str, Any], phone: str, text: str) -> None:
    message = await shop.stage.call("GET", f"/v1/messages/{recipient['messageId']}", 200)
    assert (await shop.reached(message, phone))["text"] == text


async def test_it_arrives_at_three_phones_and_after_a_stop_at_two(shop: Shop):
    await shop.stage.network.make_phone(THIRD)
    for recipient, (phone, name) in zip(await broadcast(shop, "Hello {{name}}"), NAMES.items(), strict=True):
        await arrives(shop, recipient, phone, f"Hello {name}")
    await shop.writes(type="text", text="Stop")
    told = await shop.event("contact.opted_out")
    assert told["data"]["phone"] == FRIEND
    first, *others = await broadcast(shop, "Again, {{name}}")
    assert (first["status"], first["messageId"]) == ("skipped", None)
    for recipient, phone in zip(others, (OTHER, THIRD), strict=True):
        await arrives(shop, recipient, phone, f"Again, {NAMES[phone]}")
    # To write to them alone is another matter.
    await shop.reached(await shop.send(text="Until nine."))
