"""The emulated network of a fleet, asked for phones and for what it saw."""

from tests.fleet.network import Network


class Phones(Network):
    async def new_phone(self) -> str:
        """Its number."""
        answer = await self._http.post("/phones", json={})
        answer.raise_for_status()
        return str(answer.json()["number"])
