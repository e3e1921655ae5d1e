"""A session that hears, for the tests of what comes in."""

import time
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.contracts import told as words
from tests.factories import Person
from tests.fleet_client import CONNECTED, PEER, Fleet, FleetWorker, messages
from tests.waiting import until

GROUP = "120363000000000001@g.us"


@dataclass
class Ear:
    fleet: Fleet
    person: Person
    worker: FleetWorker
    session: str

    async def hears(self, *told: words.Told) -> None:
        await self.worker.tell(self.session, 1, *told)

    async def history(self, *told: words.MessageReceived) -> None:
        """Of this hour: what is older than the account keeps is not stored at all."""
        now = int(time.time())
        messages = tuple(msgspec.structs.replace(one.message, timestamp=now) for one in told)
        await self.hears(words.HistoryReceived(kind="recent", progress=100, messages=messages))

    async def one(self, whatsapp_id: str) -> dict[str, Any]:
        """As it is shown by itself."""
        (found,) = [
            item
            for item in await messages(self.person, self.session)
            if item["whatsappMessageId"] == whatsapp_id
        ]
        return await self.get(f"/v1/messages/{found['id']}")

    async def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        answer = await self.person.call("GET", path, params=parameters)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def events(self, kind: str) -> list[dict[str, Any]]:
        """All that were told before now: a call is told last, and seen last."""
        call = words.CallSeen(
            call_id=f"after-{self.worker.position}", sender=PEER, state="ended", timestamp=0
        )
        await self.hears(call)
        items: list[dict[str, Any]] = []

        async def all_seen() -> bool:
            items[:] = (await self.get("/v1/events", limit=200))["items"]
            return any(item["data"].get("callId") == call.call_id for item in items)

        await until(all_seen)
        return [item["data"] for item in items if item["type"] == kind]


async def ear_of(fleet: Fleet) -> Ear:
    person, worker = await fleet.owner(), await fleet.worker()
    ear = Ear(fleet, person, worker, await fleet.running(person))
    await ear.hears(CONNECTED)
    return ear


def receipt(kind: str, *whatsapp_ids: str, reader: str = PEER, chat: str = "", **more: Any) -> words.Told:
    return words.ReceiptSeen(
        chat=chat or reader,
        sender=reader,
        whatsapp_ids=whatsapp_ids,
        kind=kind,
        timestamp=1_760_000_100,
        **more,
    )
