"""The emulated network of a fleet, asked for phones and for what it saw."""

from tests.fleet.network import Network


class Phones(Network):
    async def new_phone(self) -> str:
        """Its number."""
        answer = await self._http.post("/phones", json={})
        answer.raise_for_status()
        return str(answer.json()["number"])

    async def scan(self, number: str, code: str) -> None:
        answer = await self._http.post(f"/phones/{number}/scan", json={"code": code})
        answer.raise_for_status()

    async def accepted(self, after: int) -> tuple[int, int, int]:
        """How many messages its journal has behind a position, how many of them differ, and its end."""
        entries = await self.journal(after, kind="message")
        different = {(entry["device"], entry["messageId"]) for entry in entries}
        return len(entries), len(different), int(entries[-1]["position"]) if entries else after
