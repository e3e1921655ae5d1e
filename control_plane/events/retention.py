"""How long events are kept: as long as their account's tier says. Readers from before get what is left."""

import random
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select

from control_plane.accounts.models import User
from control_plane.db.engine import Database, SystemSite
from control_plane.db.tenancy import SystemRepository
from control_plane.events.models import LoggedEvent
from control_plane.tiers.limits import kept_for

_AT_ONCE = 2_000
# A process that is asked to end waits for the run; the next one goes on where this one stopped.
_SECONDS = 20.0


class RetainedEvents(SystemRepository):
    async def accounts(self) -> list[tuple[uuid.UUID, datetime]]:
        """Those whose oldest event is too old, with the moment before which nothing of theirs is kept."""
        oldest = (
            select(LoggedEvent.created_at)
            .where(LoggedEvent.user_id == User.id)
            .order_by(LoggedEvent.xid, LoggedEvent.position)
            .limit(1)
            .scalar_subquery()
        )
        query = select(User.id, User.tier, User.limit_overrides, oldest.label("oldest"))
        rows: Any = (await self.session.execute(query)).all()
        now = datetime.now(UTC)
        known = [
            (row, now - kept_for(row.tier, row.limit_overrides)) for row in rows if row.oldest is not None
        ]
        return [(row.id, since) for row, since in known if row.oldest < since]

    async def purge(self, user_id: uuid.UUID, before: datetime, limit: int) -> tuple[int, bool]:
        """How many of the oldest ones went, and whether there may be more of them.

        The head of the log is looked at in its own order, which is that of time but for long transactions: to
        look for old events by their time would read the whole log each time that there are none.
        """
        head = (
            select(LoggedEvent.position, LoggedEvent.created_at)
            .where(LoggedEvent.user_id == user_id)
            .order_by(LoggedEvent.xid, LoggedEvent.position)
            .limit(limit)
        )
        rows: Any = (await self.session.execute(head)).all()
        old = [row.position for row in rows if row.created_at < before]
        if old:
            gone = delete(LoggedEvent).where(LoggedEvent.position.in_(old))
            await self.session.execute(gone, execution_options={"synchronize_session": False})
        return len(old), len(old) == limit


class EventRetention:
    def __init__(self, database: Database, *, at_once: int = _AT_ONCE, seconds: float = _SECONDS) -> None:
        self._database = database
        self._at_once = at_once
        self._seconds = seconds

    async def run(self) -> int:
        """How many events were deleted: in small transactions, and not for long."""
        end = time.monotonic() + self._seconds
        async with self._database.system(SystemSite.PERIODIC_WORK) as db:
            accounts = await RetainedEvents(db).accounts()
        # In another order each time, so that no account's mountain keeps others waiting for ever.
        random.shuffle(accounts)
        purged = 0
        for user_id, before in accounts:
            purged += await self._of_account(user_id, before, end)
            if time.monotonic() >= end:
                break
        return purged

    async def _of_account(self, user_id: uuid.UUID, before: datetime, end: float) -> int:
        purged, more = 0, True
        while more:
            async with self._database.system(SystemSite.PERIODIC_WORK) as db:
                some, more = await RetainedEvents(db).purge(user_id, before, self._at_once)
            purged += some
            more = more and time.monotonic() < end
        return purged
