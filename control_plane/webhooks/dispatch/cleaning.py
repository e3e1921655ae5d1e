"""Deliveries that are over are shown for a month."""

import time
from typing import Any

from sqlalchemy import delete, func, select

from control_plane.db.engine import Database, SystemSite
from control_plane.db.tenancy import SystemRepository
from control_plane.webhooks.dispatch.schedule import KEPT_FOR
from control_plane.webhooks.models import WebhookDelivery

_AT_ONCE = 2_000
# A process that is asked to end waits for the run; the next one goes on where this one stopped.
_SECONDS = 20.0


class OldDeliveries(SystemRepository):
    async def purge(self, limit: int) -> int:
        end = func.clock_timestamp() - KEPT_FOR
        old = (
            select(WebhookDelivery.id)
            .where(WebhookDelivery.created_at < end, WebhookDelivery.status != "pending")
            .limit(limit)
        )
        gone = delete(WebhookDelivery).where(WebhookDelivery.id.in_(old))
        result: Any = await self.session.execute(gone, execution_options={"synchronize_session": False})
        return int(result.rowcount)


class DeliveryRetention:
    def __init__(self, database: Database, *, at_once: int = _AT_ONCE, seconds: float = _SECONDS) -> None:
        self._database = database
        self._at_once = at_once
        self._seconds = seconds

    async def run(self) -> int:
        """In small transactions, and not for long."""
        end, purged = time.monotonic() + self._seconds, 0
        while time.monotonic() < end:
            async with self._database.system(SystemSite.PERIODIC_WORK) as db:
                some = await OldDeliveries(db).purge(self._at_once)
            purged += some
            if some < self._at_once:
                break
        return purged
