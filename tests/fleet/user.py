"""An account of the stage, and what people do with it."""

from typing import Any

import asyncpg
import httpx

from tests import run_folder
from tests.factories import new_address, new_email, new_password
from tests.waiting import until

_LIMITS = (
    '{"sessions": 200, "requestsPerMinute": 1000000, "messagesPerDay": 1000000, "messagesPerMonth": 1000000}'
)


class User:
    def __init__(self, url: str, database_url: str) -> None:
        self.database_url = database_url
        # Limits by address are for people at one address, not for all stages of a run.
        headers = {"X-Forwarded-For": new_address()}
        self.client = httpx.AsyncClient(base_url=url, timeout=40, headers=headers)

    async def sign_up(self) -> None:
        """As a new account, for all calls from now on."""
        body = {"email": new_email(), "password": new_password(), "name": "Owner"}
        answer = await self.client.post("/v1/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        run_folder.note_secrets_of(answer.json())
        self.client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
        connection = await asyncpg.connect(self.database_url)
        await connection.execute("UPDATE users SET limit_overrides = $1::jsonb", _LIMITS)
        await connection.close()

    async def call(self, method: str, path: str, status: int, **options: Any) -> Any:
        answer = await self.client.request(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.json() if is_json and answer.content else answer.content

    async def new_session(self, name: str) -> dict[str, Any]:
        """Connected."""
        body = {"name": name, "sandbox": True}
        session: dict[str, Any] = await self.call("POST", "/v1/sessions", 201, json=body)
        connecting = await self.call("POST", f"/v1/sessions/{name}/connect", 202, json={"wait": 20})
        assert connecting["qr"], connecting
        await self.call("POST", f"/v1/sandbox/sessions/{name}/scan", 200, json={})
        await self.connected(name)
        return session

    async def session(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.call("GET", f"/v1/sessions/{name}", 200)
        return found

    async def connected(self, *names: str, on: str | None = None, within: float = 30) -> None:
        async def all_are() -> bool:
            found = [await self.session(name) for name in names]
            return all(
                one["status"] == "connected" and one["phone"] and on in {None, one["workerId"]}
                for one in found
            )

        await until(all_are, within=within)

    async def sends(self, name: str, to: str, text: str) -> str:
        """And it leaves at once; its id in the network."""
        body = {"to": to, "text": text}
        sent = await self.call("POST", f"/v1/sessions/{name}/messages", 201, json=body)
        assert sent["status"] in {"sent", "delivered"}, sent
        return str(sent["whatsappMessageId"])

    async def texts(self, name: str, direction: str = "") -> list[str]:
        """The newest first."""
        path = f"/v1/sessions/{name}/messages?limit=200&direction={direction}"
        page = await self.call("GET", path, 200)
        return [message["text"] for message in page["items"]]

    async def hears(self, name: str, texts: list[str], within: float = 30) -> None:
        """These and no others, each once and in this order."""
        heard: list[str] = []

        async def all_of_them() -> bool:
            heard[:] = reversed(await self.texts(name, "inbound"))
            return len(heard) >= len(texts)

        await until(all_of_them, within=within)
        assert heard == texts, (name, heard)

    async def timeline(self, name: str) -> list[tuple[str, str]]:
        """Oldest first."""
        page = await self.call("GET", f"/v1/sessions/{name}/timeline?limit=200", 200)
        return [(change["status"], change["statusReason"]) for change in reversed(page["items"])]

    async def phone_writes(self, name: str, phone: str, text: str) -> None:
        body = {"from": phone, "type": "text", "text": text}
        await self.call("POST", f"/v1/sandbox/sessions/{name}/incoming", 201, json=body)
