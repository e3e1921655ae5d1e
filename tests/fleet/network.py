"""The emulated network, asked directly: it is there when the control plane is not, and forgets nothing."""

from typing import Any

import httpx

_AT_ONCE = 1000


class Network:
    def __init__(self, record: dict[str, str]) -> None:
        headers = {"Authorization": f"Bearer {record['controlToken']}"}
        self._http = httpx.AsyncClient(base_url=record["controlUrl"], headers=headers, timeout=40)

    async def close(self) -> None:
        await self._http.aclose()

    async def make_phone(self, phone: str) -> None:
        answer = await self._http.post("/phones", json={"number": phone.lstrip("+")})
        assert answer.status_code == 201, answer.text

    async def phone_writes(self, phone: str, to: str, text: str) -> str:
        """The message's id."""
        body = {"to": to.lstrip("+"), "type": "text", "text": text}
        answer = await self._http.post(f"/phones/{phone.lstrip('+')}/messages", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["messageId"])

    async def journal(self, after: int = 0, **wanted: str) -> list[dict[str, Any]]:
        """Who came and went, and every message that was accepted, in this order."""
        return await self._all("/journal", after, wanted)

    async def inbox(self, phone: str, sender: str) -> list[str]:
        """The texts that it got from there."""
        items = await self._all(f"/phones/{phone.lstrip('+')}/inbox", 0, {"from": sender.lstrip("+")})
        return [item["text"] for item in items]

    async def file(self, phone: str, message_id: str) -> bytes:
        """Of a message that it got, decrypted."""
        answer = await self._http.get(f"/phones/{phone.lstrip('+')}/inbox/{message_id}/file")
        assert answer.status_code == 200, answer.text
        return answer.content

    async def devices_of(self, *numbers: str, after: int = 0) -> list[dict[str, Any]]:
        """What the journal tells of linked devices; 0 is the phone itself."""
        own = {number.lstrip("+") for number in numbers}
        entries = []
        for entry in await self.journal(after):
            number, _, device = entry["device"].partition(":")
            if number in own and device != "0":
                entries.append(entry)
        return entries

    async def receipts(self, phone: str) -> list[dict[str, Any]]:
        """What its messages were answered with."""
        return await self._all(f"/phones/{phone.lstrip('+')}/receipts", 0, {})

    async def companions(self, phone: str) -> int:
        """How many devices the phone lists as linked to it."""
        answer = await self._http.get(f"/phones/{phone.lstrip('+')}")
        assert answer.status_code == 200, answer.text
        return len(answer.json()["companions"])

    async def position(self) -> int:
        """Where the journal ends now."""
        entries = await self.journal()
        return int(entries[-1]["position"]) if entries else 0

    async def overlaps(self) -> list[Any]:
        """Pairs of connections of one device that stood at the same time."""
        found: list[Any] = (await self._http.get("/journal/overlaps")).json()["items"]
        return found

    async def _all(self, path: str, after: int, wanted: dict[str, str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            parameters = {"after": str(after), "limit": str(_AT_ONCE), **wanted}
            answer = await self._http.get(path, params=parameters)
            assert answer.status_code == 200, answer.text
            items = answer.json()["items"]
            if not items:
                return found
            found += items
            after = items[-1]["position"]
