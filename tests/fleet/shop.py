"""A connected session of the stage, and a friend who writes to it."""

from typing import Any

from tests.fleet.stage import Stage
from tests.waiting import until

FRIEND, OTHER = "+4915100000041", "+4915100000042"
SENDS = "/v1/sessions/shop/messages"


class Shop:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def send(self, status: int = 201, **body: Any) -> dict[str, Any]:
        found: dict[str, Any] = await self.stage.call("POST", SENDS, status, json={"to": FRIEND, **body})
        return found

    async def do(self, method: str, message: str, status: int = 201, **body: Any) -> dict[str, Any]:
        path = f"/v1/messages/{message}"
        found: dict[str, Any] = await self.stage.call(method, path, status, json=body or None)
        return found

    async def reached(self, message: dict[str, Any], phone: str = FRIEND) -> dict[str, Any]:
        """As the phone shows it, decrypted."""
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            path = f"/v1/sandbox/sessions/shop/inbox?from=%2B{phone.lstrip('+')}"
            items = (await self.stage.call("GET", path, 200))["items"]
            found[:] = [item for item in items if item["messageId"] == message["whatsappMessageId"]]
            return bool(found)

        await until(there)
        return found[0]

    async def writes(self, **message: Any) -> str:
        """The friend; the network's id."""
        path = "/v1/sandbox/sessions/shop/incoming"
        sent = await self.stage.call("POST", path, 201, json={"from": FRIEND, **message})
        return str(sent["whatsappMessageId"])

    async def stored(self, whatsapp_id: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            items = (await self.stage.call("GET", f"{SENDS}?limit=200", 200))["items"]
            found[:] = [item for item in items if item["whatsappMessageId"] == whatsapp_id]
            return bool(found)

        await until(there)
        return found[0]

    async def event(self, kind: str, **wanted: Any) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            items = (await self.stage.call("GET", f"/v1/events?types={kind}&limit=200", 200))["items"]
            found[:] = [
                item for item in items if all(item["data"].get(key) == value for key, value in wanted.items())
            ]
            return bool(found)

        await until(there)
        return found[0]


async def open_shop(stage: Stage) -> Shop:
    await stage.start_worker("worker-1")
    await stage.new_session("shop")
    await stage.phone_writes("shop", FRIEND, "hello")
    await stage.phone_writes("shop", OTHER, "hello from another")
    await stage.hears("shop", ["hello", "hello from another"])
    return Shop(stage)
