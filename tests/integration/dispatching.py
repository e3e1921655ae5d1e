"""A dispatcher with a clock that a test turns, and a receiver that answers as the test says."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy import func, insert, select, text, update
from standardwebhooks import Webhook as Verifier

from control_plane.accounts.models import User
from control_plane.db.engine import Database, SystemSite
from control_plane.egress.gate import Egress
from control_plane.events.hints import hint
from control_plane.events.log import NewEvent, append
from control_plane.keyring import Keyring
from control_plane.settings import Settings
from control_plane.webhooks.dispatch.dispatcher import Dispatcher
from control_plane.webhooks.models import Webhook, WebhookDelivery
from control_plane.webhooks.secrets import Secrets
from shared.ids import new_uuid
from tests.conftest import TEMPLATE
from tests.databases import own_database
from tests.integration.egress_stand import gate, site
from tests.waiting import until

SHOP, OFFICE = uuid.UUID(int=1), uuid.UUID(int=2)


class Clock:
    """Runs, and can be turned forward."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def turn(self, **by: float) -> None:
        self._ahead += timedelta(**by)


class Receiver:
    """Verifies what comes with the official library; `answers` decides by the number that an event has."""

    def __init__(self, secret: str) -> None:
        self.verifier = Verifier(secret)
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.tries: list[tuple[str, Any]] = []
        self.taken: list[Any] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Callable[[Any], int | web.Response] = lambda _number: 200
        self.hold: asyncio.Event | None = None
        self.arrived = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        number = body["data"].get("n", body["type"])
        self.tries.append((request.headers["webhook-id"], number))
        self.headers.append(dict(request.headers))
        assert request.headers["webhook-id"] == body["id"]
        self._verify(raw, request)
        self.arrived.set()
        if (hold := self.hold) is not None:
            await hold.wait()
        answer = self.answer(number)
        response = answer if isinstance(answer, web.Response) else web.Response(status=answer, text="ok")
        if 200 <= response.status < 300:
            self.taken.append(number)
            self.bodies.append(body)
        return response

    def _verify(self, raw: bytes, request: web.Request) -> None:
        at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
        assert abs(self.clock() - at) < timedelta(minutes=5)
        signed = self.verifier.sign(request.headers["webhook-id"], at, raw.decode())
        assert signed in request.headers["webhook-signature"].split()


class Stand:
    """An account with endpoints, on a database of its own."""

    def __init__(self, database: Database, redis: Redis, settings: Settings, egress: Egress) -> None:
        self.database = database
        self.redis = redis
        self.egress = egress
        self.keys = Secrets(Keyring(settings.master_keys))
        self.secret = self.keys.make()
        self.clock = Clock()
        self.user_id = uuid.UUID(int=0)
        self._sequences: dict[uuid.UUID | None, int] = {}
        self._running: list[tuple[asyncio.Task[None], asyncio.Event]] = []

    async def account(self) -> uuid.UUID:
        async with self.database.system(SystemSite.ADMIN) as db:
            email = f"{new_uuid()}@example.com"
            made = (
                insert(User).values(id=new_uuid(), email=email, name="", password_hash="-").returning(User.id)
            )
            return (await db.execute(made)).scalar_one()

    async def endpoint(self, url: str, **values: Any) -> uuid.UUID:
        identity = new_uuid()
        row = {
            "id": identity,
            "user_id": self.user_id,
            "url": url,
            "sealed_secret": self.keys.seal_secret(identity, self.secret),
            **values,
        }
        async with self.database.system(SystemSite.WEBHOOKS) as db:
            place = (
                await db.execute(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"))
            ).scalar_one()
            await db.execute(insert(Webhook).values(xid=place, **row))
        return identity

    async def events(
        self,
        *numbers: Any,
        session: uuid.UUID | None = SHOP,
        kind: str = "message.received",
        sandbox: bool = False,
        user_id: uuid.UUID | None = None,
    ) -> None:
        async with self.database.system(SystemSite.INGEST) as db:
            new = []
            for number in numbers:
                self._sequences[session] = self._sequences.get(session, 0) + 1
                new.append(
                    NewEvent(
                        user_id=user_id or self.user_id,
                        session_id=session,
                        sequence=self._sequences[session],
                        type=kind,
                        data={"n": number},
                        sandbox=sandbox,
                    )
                )
            await append(db, new)
        hint(self.redis)

    def start(self, **changes: Any) -> Dispatcher:
        options: dict[str, Any] = {
            "now": self.clock,
            "look_every": timedelta(seconds=0.05),
            "clock_every": timedelta(seconds=0.05),
            "lease": timedelta(seconds=3),
            **changes,
        }
        dispatcher = Dispatcher(self.database, self.redis, self.egress, self.keys, **options)
        stopping = asyncio.Event()
        self._running.append((asyncio.create_task(dispatcher.run(stopping)), stopping))
        return dispatcher

    async def stop(self) -> None:
        running, self._running = self._running, []
        for _, stopping in running:
            stopping.set()
        await asyncio.gather(*(task for task, _ in running))

    async def kill(self) -> None:
        """As kill -9 does: nothing is written and nothing given back."""
        task, _ = self._running.pop(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def deliveries(self, **where: Any) -> Sequence[WebhookDelivery]:
        async with self.database.system(SystemSite.WEBHOOKS) as db:
            query = select(WebhookDelivery).filter_by(**where)
            return (await db.scalars(query.order_by(WebhookDelivery.xid, WebhookDelivery.position))).all()

    async def counts(self, webhook_id: uuid.UUID) -> dict[str, int]:
        async with self.database.system(SystemSite.WEBHOOKS) as db:
            query = select(WebhookDelivery.status, func.count()).where(
                WebhookDelivery.webhook_id == webhook_id
            )
            rows = await db.execute(query.group_by(WebhookDelivery.status))
            return {row[0]: row[1] for row in rows}

    async def row(self, webhook_id: uuid.UUID) -> Webhook:
        async with self.database.system(SystemSite.WEBHOOKS) as db:
            return (await db.scalars(select(Webhook).where(Webhook.id == webhook_id))).one()

    async def change(self, webhook_id: uuid.UUID, **values: Any) -> None:
        async with self.database.system(SystemSite.WEBHOOKS) as db:
            await db.execute(update(Webhook).where(Webhook.id == webhook_id).values(**values))
        hint(self.redis)

    async def add_delivery(self, webhook_id: uuid.UUID, **values: Any) -> uuid.UUID:
        """As the API adds what is asked for by hand."""
        identity = new_uuid()
        row = {"id": identity, "user_id": self.user_id, "webhook_id": webhook_id, "event_id": identity}
        async with self.database.system(SystemSite.WEBHOOKS) as db:
            await db.execute(insert(WebhookDelivery).values(**{**row, "due_at": datetime.now(UTC), **values}))
            due = update(Webhook).where(Webhook.id == webhook_id).values(due_at=datetime.now(UTC))
            await db.execute(due)
        hint(self.redis)
        return identity

    async def written(self, webhook_id: uuid.UUID, **counts: int) -> None:
        async def they_are() -> bool:
            return await self.counts(webhook_id) == counts

        await until(they_are)

    async def sql(self, statement: str) -> None:
        async with self.database.system(SystemSite.EVENT_TAIL) as db:
            await db.execute(text(statement.replace(":", "\\:")))

    async def in_log(self, kind: str) -> list[dict[str, Any]]:
        async with self.database.system(SystemSite.EVENT_TAIL) as db:
            rows = await db.execute(text("SELECT data FROM events WHERE type = :kind"), {"kind": kind})
            return [row.data if isinstance(row.data, dict) else json.loads(row.data) for row in rows]


@asynccontextmanager
async def receiver(stand: Stand) -> AsyncIterator[tuple[Receiver, str]]:
    made = Receiver(stand.secret)
    made.clock = stand.clock
    async with site(made.handle) as place:
        yield made, f"http://127.0.0.1:{place.port}/hook"


@pytest.fixture
async def stand(make_settings: Callable[..., Settings], redis: Redis) -> AsyncIterator[Stand]:
    async with own_database("dispatch", TEMPLATE) as url, gate() as egress:
        settings = make_settings(WAYPOST_DATABASE_URL=url)
        database = Database(settings, "tests")
        made = Stand(database, redis, settings, egress)
        made.user_id = await made.account()
        try:
            yield made
        finally:
            await made.stop()
            await database.close()
