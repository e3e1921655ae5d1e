"""The endpoints of one tenant, and their deliveries."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, and_, cast, func, or_, tuple_

from control_plane.db.tenancy import TenantRepository
from control_plane.db.transaction_id import TransactionId
from control_plane.events.models import LoggedEvent
from control_plane.webhooks.models import Webhook, WebhookDelivery
from control_plane.webhooks.pings import PING
from control_plane.webhooks.schemas import Waiting

Position = tuple[datetime, uuid.UUID]
WithSequence = tuple[WebhookDelivery, int | None]
# None once the event is no longer kept.
WithEvent = tuple[WebhookDelivery, LoggedEvent | None]
_PENDING = WebhookDelivery.status == "pending"


class WebhookRepository(TenantRepository):
    async def add(self, **values: Any) -> Webhook:
        return (await self.session.scalars(self.insert(Webhook, **values).returning(Webhook))).one()

    async def by_id(self, webhook_id: uuid.UUID, *, lock: bool = False) -> Webhook | None:
        query = self.select(Webhook).where(Webhook.id == webhook_id)
        return (await self.session.scalars(query.with_for_update() if lock else query)).first()

    async def page(self, after: Position | None, limit: int, *, only_sandbox: bool) -> Sequence[Webhook]:
        query = self.select(Webhook).order_by(Webhook.created_at.desc(), Webhook.id.desc()).limit(limit)
        if only_sandbox:
            query = query.where(Webhook.only_sandbox)
        if after is not None:
            query = query.where(tuple_(Webhook.created_at, Webhook.id) < after)
        return (await self.session.scalars(query)).all()

    async def remove(self, webhook_id: uuid.UUID) -> None:
        await self.session.execute(self.delete(Webhook).where(Webhook.id == webhook_id))

    async def waiting(self, webhook_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Waiting]:
        query = (
            self.select_columns(
                WebhookDelivery,
                WebhookDelivery.webhook_id,
                func.count(),
                func.min(WebhookDelivery.created_at),
            )
            .where(WebhookDelivery.webhook_id.in_(webhook_ids), _PENDING)
            .group_by(WebhookDelivery.webhook_id)
        )
        rows = (await self.session.execute(query)).all()
        return {webhook: Waiting(count, since) for webhook, count, since in rows}


class DeliveryRepository(TenantRepository):
    async def page(
        self, webhook_id: uuid.UUID, status: str, after: Position | None, limit: int
    ) -> Sequence[WithSequence]:
        made = (WebhookDelivery.created_at, WebhookDelivery.id)
        query = self._with(LoggedEvent.sequence).where(WebhookDelivery.webhook_id == webhook_id)
        if status:
            query = query.where(WebhookDelivery.status == status)
        if after is not None:
            query = query.where(tuple_(*made) < after)
        query = query.order_by(*(column.desc() for column in made)).limit(limit)
        return [(row[0], row[1]) for row in (await self.session.execute(query)).all()]

    async def one(self, webhook_id: uuid.UUID, delivery_id: uuid.UUID) -> WithEvent | None:
        query = self._with(LoggedEvent).where(
            WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.id == delivery_id
        )
        row = (await self.session.execute(query)).first()
        return None if row is None else (row[0], row[1])

    async def add(self, **values: Any) -> WebhookDelivery:
        new = self.insert(WebhookDelivery, **values).returning(WebhookDelivery)
        return (await self.session.scalars(new)).one()

    async def add_all(self, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            await self.session.execute(
                self.insert(WebhookDelivery), [{**row, "user_id": self.tenant} for row in rows]
            )

    async def asked_for(self, webhook_id: uuid.UUID) -> int:
        """Those that the owner wanted and that are still to be tried."""
        query = self.select_columns(WebhookDelivery, func.count()).where(
            WebhookDelivery.webhook_id == webhook_id,
            _PENDING,
            or_(WebhookDelivery.replay, WebhookDelivery.type == PING),
        )
        return int(await self.session.scalar(query) or 0)

    async def make_due(self, webhook_id: uuid.UUID, at: datetime) -> None:
        change = self.update(WebhookDelivery).where(
            WebhookDelivery.webhook_id == webhook_id, _PENDING, WebhookDelivery.due_at > at
        )
        await self.session.execute(change.values(due_at=at))

    def _with(self, column: Any) -> Select[Any]:
        return self.select_columns(WebhookDelivery, WebhookDelivery, column).outerjoin(
            LoggedEvent,
            and_(LoggedEvent.id == WebhookDelivery.event_id, LoggedEvent.user_id == self.tenant),
        )


class PassedEvents(TenantRepository):
    """The part of the log that an endpoint has come by; the rest is on its way to it without a replay."""

    async def between(
        self,
        webhook: Webhook,
        window: tuple[datetime, datetime],
        types: Collection[str] | None,
        session_ids: Collection[uuid.UUID] | None,
        limit: int,
    ) -> Sequence[Any]:
        """In the order of the log."""
        since, until = window
        query = self.select_columns(
            LoggedEvent,
            LoggedEvent.id,
            LoggedEvent.xid,
            LoggedEvent.position,
            LoggedEvent.session_id,
            LoggedEvent.type,
            LoggedEvent.created_at,
        ).where(
            tuple_(LoggedEvent.xid, LoggedEvent.position)
            <= tuple_(cast(cast(str(webhook.xid), Text), TransactionId), webhook.position),
            LoggedEvent.created_at >= since,
            LoggedEvent.created_at < until,
        )
        if webhook.only_sandbox:
            query = query.where(LoggedEvent.sandbox)
        for wanted in (webhook.types, types):
            if wanted is not None:
                query = query.where(LoggedEvent.type.in_(wanted))
        for sessions in (webhook.session_ids, session_ids):
            if sessions is not None:
                query = query.where(LoggedEvent.session_id.in_(sessions))
        query = query.order_by(LoggedEvent.xid, LoggedEvent.position).limit(limit)
        rows: Sequence[Any] = (await self.session.execute(query)).all()
        return rows
