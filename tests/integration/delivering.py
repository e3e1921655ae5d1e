"""Deliveries as a dispatcher writes them, and what their owner asks for."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from control_plane.db.engine import Database, SystemSite
from control_plane.events.models import LoggedEvent
from control_plane.webhooks.models import Webhook, WebhookDelivery
from shared.ids import parse_public_id
from tests.event_log import all_shown
from tests.event_stream import happen, tenant_of
from tests.factories import Person

AGO = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


def id_of(webhook: dict[str, Any]) -> uuid.UUID:
    identity = parse_public_id("whk", webhook["id"])
    assert identity is not None
    return identity


async def logged(database: Database, person: Person) -> list[LoggedEvent]:
    """In the order of the log."""
    query = select(LoggedEvent).where(LoggedEvent.user_id == tenant_of(person))
    async with database.system(SystemSite.ADMIN) as db:
        return list(await db.scalars(query.order_by(LoggedEvent.xid, LoggedEvent.position)))


async def rows_of(database: Database, webhook: dict[str, Any]) -> list[WebhookDelivery]:
    """As they are due."""
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == id_of(webhook))
    async with database.system(SystemSite.ADMIN) as db:
        return list(await db.scalars(query.order_by(WebhookDelivery.due_at)))


async def deliver(
    database: Database, person: Person, webhook: dict[str, Any], event: LoggedEvent, **values: Any
) -> WebhookDelivery:
    """As a dispatcher writes it."""
    row = WebhookDelivery(
        user_id=tenant_of(person),
        webhook_id=id_of(webhook),
        event_id=event.id,
        xid=int(event.xid),
        position=event.position,
        session_id=event.session_id,
        type=event.type,
        **{"status": "delivered", "attempts": 1, **values},
    )
    async with database.system(SystemSite.ADMIN) as db:
        db.add(row)
    return row


async def happened(database: Database, person: Person, *numbers: int, **fields: Any) -> list[LoggedEvent]:
    """Events that an endpoint that is made afterwards has come by."""
    await happen(database, person, *numbers, **fields)
    await all_shown(database)
    return await logged(database, person)


async def replay(person: Person, webhook: dict[str, Any], **body: Any) -> Any:
    return await person.call("POST", f"/v1/webhooks/{webhook['id']}/replay", json={"since": AGO, **body})


async def page(person: Person, webhook: dict[str, Any], **query: str) -> dict[str, Any]:
    answer = await person.call("GET", f"/v1/webhooks/{webhook['id']}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def postpone(database: Database, webhook: dict[str, Any]) -> None:
    """As a dispatcher that has nothing to do."""
    async with database.system(SystemSite.ADMIN) as db:
        later = datetime.now(UTC) + timedelta(days=1)
        await db.execute(update(Webhook).where(Webhook.id == id_of(webhook)).values(due_at=later))


async def is_due(database: Database, webhook: dict[str, Any]) -> bool:
    async with database.system(SystemSite.ADMIN) as db:
        due = await db.scalar(select(Webhook.due_at).where(Webhook.id == id_of(webhook)))
    return due is not None and due <= datetime.now(UTC)
