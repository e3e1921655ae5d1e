"""What the metrics tell of all webhooks together."""

from typing import Any

from sqlalchemy import func, select

from control_plane.db.tenancy import SystemRepository
from control_plane.observability.fleet_figures import WebhookReading
from control_plane.webhooks.models import Webhook, WebhookDelivery


class DispatchNumbers(SystemRepository):
    async def reading(self) -> WebhookReading:
        endpoints = select(
            func.count().filter(Webhook.enabled),
            func.count().filter(~Webhook.enabled),
            func.coalesce(func.sum(Webhook.delivered), 0),
            func.coalesce(func.sum(Webhook.failed), 0),
        )
        # What waits for an endpoint that is disabled waits for its owner.
        waiting = (
            select(func.count(), func.min(WebhookDelivery.created_at))
            .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
            .where(WebhookDelivery.status == "pending", Webhook.enabled)
        )
        row: Any = (await self.session.execute(endpoints)).one()
        waits: Any = (await self.session.execute(waiting)).one()
        pending, oldest = waits
        now = (await self.session.execute(select(func.statement_timestamp()))).scalar_one()
        return WebhookReading(
            enabled=row[0],
            disabled=row[1],
            delivered=int(row[2]),
            failed=int(row[3]),
            pending=pending,
            oldest_pending_seconds=0.0 if oldest is None else max((now - oldest).total_seconds(), 0.0),
        )
