"""A shop that sends broadcasts: what its owner does with them, and the background process beside it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text as sql

from control_plane.db.engine import SystemSite
from control_plane.messages.broadcasts.feeding import Feeding
from tests.fleet_client import CONNECTED, JOIN_TOKEN, Fleet
from tests.fleet_client import text as told_text
from tests.integration.queueing import Shop
from tests.scripted_worker import scripted_worker
from tests.waiting import until

BROADCASTS = "/v1/sessions/shop/broadcasts"


def number(place: int) -> str:
    return f"+49151{place:08}"


def people(count: int) -> list[dict[str, Any]]:
    return [{"to": number(place), "variables": {"name": f"P{place}"}} for place in range(count)]


class Desk:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.person = shop.person

    async def post(
        self, recipients: Sequence[dict[str, Any]] | int, text: str = "Hi {{name}}", **body: Any
    ) -> httpx.Response:
        given = people(recipients) if isinstance(recipients, int) else list(recipients)
        whole = {"message": {"text": text}, "recipients": given, **body}
        return await self.person.call("POST", BROADCASTS, json=whole)

    async def made(self, recipients: Sequence[dict[str, Any]] | int, **body: Any) -> str:
        """Its id."""
        answer = await self.post(recipients, **body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def refused(self, recipients: Sequence[dict[str, Any]] | int, **body: Any) -> list[str]:
        """The pointers."""
        answer = await self.post(recipients, **body)
        assert answer.status_code == 422, answer.text
        return [error["pointer"] for error in answer.json()["errors"]]

    async def one(self, broadcast: str) -> dict[str, Any]:
        answer = await self.person.call("GET", f"{BROADCASTS}/{broadcast}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def does(self, broadcast: str, what: str, status: int = 200) -> dict[str, Any]:
        answer = await self.person.call("POST", f"{BROADCASTS}/{broadcast}/{what}")
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    async def recipients(self, broadcast: str, query: str = "") -> dict[str, Any]:
        answer = await self.person.call("GET", f"{BROADCASTS}/{broadcast}/recipients?{query}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def becomes(self, broadcast: str, within: float = 60, **wanted: Any) -> dict[str, Any]:
        """Until it says so of its status, or its counts."""

        async def it_has() -> bool:
            found = await self.one(broadcast)
            shown = found | found["counts"]
            return all(shown[name] == value for name, value in wanted.items())

        await until(it_has, within=within)
        return await self.one(broadcast)

    async def told(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """What the event says, once it can be read."""
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            every = [event["data"] for event in await self.shop.events(kind)]
            found[:] = [data for data in every if wanted.items() <= data.items()]
            return bool(found)

        await until(there)
        return found[0]

    async def values(self, statement: str) -> list[Any]:
        async with self.shop.fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
            return list((await db.scalars(sql(statement))).all())

    async def hears(self, text: str, **changes: Any) -> None:
        """Somebody writes."""
        await self.shop.tell(told_text(text, **changes))


def feeding_of(fleet: Fleet, usual_gap: float = 0.01) -> Feeding:
    return Feeding(
        fleet.replica.parts.database,
        usual_gap,
        lambda: None,
        longest=0.3,
        again=timedelta(seconds=0.2),
        idle_seconds=0.05,
    )


@asynccontextmanager
async def feeder(fleet: Fleet) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(feeding_of(fleet).loop.run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await task


@pytest.fixture(name="fleet_settings")
def broadcast_settings() -> dict[str, str]:
    return {
        "WAYPOST_JOIN_TOKENS": JOIN_TOKEN,
        "WAYPOST_RECIPIENT_MESSAGES_PER_MINUTE": "10000",
        "WAYPOST_SESSION_MESSAGES_PER_MINUTE": "100000",
        "WAYPOST_BULK_SECONDS": "0.01",
    }


@pytest.fixture(name="desk")
async def a_desk(fleet: Fleet) -> AsyncIterator[Desk]:
    async with scripted_worker() as script:
        person = await fleet.owner()
        worker = await fleet.worker(endpoint=script.endpoint)
        shop = Shop(fleet, person, worker, script)
        shop.session = await fleet.running(person)
        await shop.tell(CONNECTED)
        yield Desk(shop)
