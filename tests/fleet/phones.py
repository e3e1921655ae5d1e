"""Virtual phones of the emulated network, told directly what to do: in groups, and by themselves."""

from typing import Any

import httpx

from tests.fleet.stage import Stage


class Phones:
    def __init__(self, stage: Stage) -> None:
        headers = {"Authorization": f"Bearer {stage.sandbox['controlToken']}"}
        self._http = httpx.AsyncClient(base_url=stage.sandbox["controlUrl"], headers=headers, timeout=40)

    async def close(self) -> None:
        await self._http.aclose()

    async def group(self, creator: str, *members: str) -> str:
        body = {
            "creator": creator.lstrip("+"),
            "subject": "All",
            "members": [one.lstrip("+") for one in members],
        }
        return str((await self._ask("POST", "/groups", 201, json=body))["groupId"])

    async def lid(self, phone: str) -> str:
        told = await self._ask("GET", f"/phones/{phone.lstrip('+')}", 200)
        return f"{told['lid']}@lid"

    async def writes(self, phone: str, to: str, **message: Any) -> str:
        body = {"to": to.lstrip("+"), "type": "text", **message}
        sent = await self._ask("POST", f"/phones/{phone.lstrip('+')}/messages", 201, json=body)
        return str(sent["messageId"])

    async def reads(self, phone: str, *message_ids: str, played: bool = False) -> None:
        body = {"messageIds": list(message_ids), "played": played}
        await self._ask("POST", f"/phones/{phone.lstrip('+')}/read", 204, json=body)

    async def got(self, phone: str, message_id: str) -> bool:
        path = f"/phones/{phone.lstrip('+')}/inbox"
        items = (await self._ask("GET", path, 200, params={"limit": 1000}))["items"]
        return any(item["messageId"] == message_id for item in items)

    async def changes(self, phone: str, **habits: Any) -> None:
        await self._ask("PATCH", f"/phones/{phone.lstrip('+')}", 200, json=habits)

    async def exists(self, phone: str) -> None:
        await self._http.post("/phones", json={"number": phone.lstrip("+")})

    async def _ask(self, method: str, path: str, status: int, **options: Any) -> Any:
        answer = await self._http.request(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None
