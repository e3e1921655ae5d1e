"""A connected session on a worker that does what a test says, and the background process beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text as sql

from control_plane.db.engine import SystemSite
from control_plane.messages.queue.clockwork import Clockwork
from control_plane.messages.queue.outboxes import Outboxes, sender_of
from shared.session_state import Reason, SessionState
from tests.event_log import all_shown
from tests.factories import Person
from tests.fleet_client import CONNECTED, JOIN_TOKEN, Fleet, FleetWorker, seen
from tests.scripted_worker import ScriptedWorker, scripted_worker
from tests.waiting import until

ANNA = "+4915100000001"
RECONNECTING = seen(SessionState.RECONNECTING, Reason.CONNECTION_LOST)
LOGGED_OUT = seen(SessionState.LOGGED_OUT, Reason.LOGGED_OUT_BY_USER)
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def send_wait() -> str:
    """In seconds; longer than anything here takes."""
    return "30"


@pytest.fixture
def fleet_settings(send_wait: str) -> dict[str, str]:
    return {
        "WAYPOST_JOIN_TOKENS": JOIN_TOKEN,
        "WAYPOST_RECIPIENT_MESSAGES_PER_MINUTE": "10000",
        "WAYPOST_SESSION_MESSAGES_PER_MINUTE": "100000",
        "WAYPOST_SEND_WAIT_SECONDS": send_wait,
        "WAYPOST_JOURNAL_PATIENCE_SECONDS": "0.5",
        "WAYPOST_BULK_SECONDS": "0.01",
    }


class Shop:
    """A connected session on a worker that does what a test says."""

    def __init__(self, fleet: Fleet, person: Person, worker: FleetWorker, script: ScriptedWorker) -> None:
        self.fleet = fleet
        self.person = person
        self.worker = worker
        self.script = script
        self.session = ""

    async def send(
        self, text: str = "hello", *, headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        whole = {"to": ANNA, "text": text, **body}
        return await self.person.call("POST", "/v1/sessions/shop/messages", json=whole, headers=headers or {})

    async def queued(self, *texts: str, **body: Any) -> list[str]:
        """Their ids."""
        ids = []
        for text in texts:
            answer = await self.send(text, headers=ASYNC, **body)
            assert answer.status_code == 202, answer.text
            ids.append(answer.json()["id"])
        return ids

    async def message(self, message_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.person.call("GET", f"/v1/messages/{message_id}")).json()
        return found

    async def becomes(self, message_id: str, *statuses: str) -> dict[str, Any]:
        async def it_has() -> bool:
            return (await self.message(message_id))["status"] in statuses

        await until(it_has)
        return await self.message(message_id)

    async def tell(self, *told: Any) -> None:
        row = await self.fleet.row(self.session)
        await self.worker.tell(self.session, row.epoch, *told)

    async def queue(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.person.call("GET", "/v1/sessions/shop/queue")).json()
        return found

    async def events(self, *types: str) -> list[dict[str, Any]]:
        await all_shown(self.fleet.replica.parts.database)
        answer = await self.person.call("GET", f"/v1/events?types={','.join(types)}&limit=200")
        return list(answer.json()["items"])

    async def sql(self, statement: str, **values: Any) -> None:
        async with self.fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
            await db.execute(sql(statement), values)


@pytest.fixture
async def shop(fleet: Fleet) -> AsyncIterator[Shop]:
    async with scripted_worker() as script:
        person = await fleet.owner()
        worker = await fleet.worker(endpoint=script.endpoint)
        made = Shop(fleet, person, worker, script)
        made.session = await fleet.running(person)
        await made.tell(CONNECTED)
        yield made


@asynccontextmanager
async def senders(fleet: Fleet) -> AsyncIterator[Outboxes]:
    """What the background process does for queues, in this process."""
    parts, stopping = fleet.replica.parts, asyncio.Event()
    sender = sender_of(parts.settings, parts.database, parts.redis, parts.worker_client, parts.handing_over)
    outboxes = Outboxes(sender, look_every=timedelta(seconds=0.05))
    tasks = [
        asyncio.create_task(outboxes.run(stopping)),
        asyncio.create_task(Clockwork(parts.database).run(stopping)),
    ]
    try:
        yield outboxes
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


@pytest.fixture
async def background(fleet: Fleet) -> AsyncIterator[Outboxes]:
    async with senders(fleet) as outboxes:
        yield outboxes
