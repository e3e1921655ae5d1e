"""What the dispatcher reads: who has something to deliver, what is new, what waits in the table."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, DateTime, Interval, String, Uuid, bindparam, text

from control_plane.db.tenancy import SystemRepository
from control_plane.events.places import Place
from control_plane.webhooks.dispatch import statements
from control_plane.webhooks.dispatch.endpoints import Endpoint
from control_plane.webhooks.dispatch.parcels import Letter, Parcel, letter_of
from control_plane.webhooks.dispatch.schedule import OVERTAKEN_AFTER

LEASE = timedelta(seconds=15)
NEVER = datetime(9999, 1, 1).astimezone()
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("users", "behind", "ids", "tokens", "held", "lanes", "events", "sessions"), ARRAY(Uuid)),
    **dict.fromkeys(("now", "never", "recovered", "blocking"), DateTime(timezone=True)),
    "types": ARRAY(String),
    "lease": Interval(),
}


@dataclass(frozen=True, slots=True)
class News:
    """A piece of the log: whole letters of those users that were asked for, of the others only that it is."""

    letters: list[Letter]
    users: set[uuid.UUID]
    end: Place
    more: bool


class DispatchReads(SystemRepository):
    async def horizon(self) -> Place:
        return Place(int((await self.session.execute(text(statements.HORIZON))).scalar_one()), 0)

    async def take(
        self,
        now: datetime,
        limit: int,
        users: Collection[uuid.UUID],
        behind: Collection[uuid.UUID],
        lease: timedelta,
    ) -> list[Endpoint]:
        """Endpoints that nobody holds: due, left behind by a process that died, or with something new."""
        values = {"now": now, "limit": limit, "users": list(users), "behind": list(behind)}
        return await self._endpoints(statements.TAKE, **values, never=NEVER, lease=lease)

    async def behind(self, now: datetime, limit: int) -> list[uuid.UUID]:
        rows = await self._rows(statements.BEHIND, now=now, limit=limit)
        return [row.id for row in rows]

    async def renew(self, held: dict[uuid.UUID, uuid.UUID], lease: timedelta) -> list[Endpoint]:
        """Those of them that are still held."""
        ids, tokens = list(held), list(held.values())
        return await self._endpoints(statements.RENEW, ids=ids, tokens=tokens, lease=lease)

    async def told(self, held: dict[uuid.UUID, uuid.UUID], now: datetime) -> list[Endpoint]:
        """Those that somebody made due meanwhile, or disabled."""
        ids, tokens = list(held), list(held.values())
        return await self._endpoints(statements.TOLD, ids=ids, tokens=tokens, now=now, never=NEVER)

    async def news(self, after: Place, limit: int, held: Collection[uuid.UUID]) -> News:
        # The horizon is taken in a statement before the rows: what lies below it is finished by then.
        horizon = await self.horizon()
        of_held = "CASE WHEN e.user_id = ANY(:held) THEN CAST(e.data AS text) END AS data"
        query = (
            f"SELECT {statements.EVENT}, {of_held} FROM events e"  # noqa: S608
            f" WHERE {statements.AFTER} AND {statements.BELOW} ORDER BY e.xid, e.position LIMIT :limit"
        )
        values = {"held": list(held), "limit": limit, **_between(after, horizon)}
        rows = await self._rows(query, **values)
        end, more = _end(rows, after, horizon, limit)
        letters = [letter_of(row) for row in rows if row.data is not None]
        return News(letters, {row.user_id for row in rows}, end, more)

    async def letters_after(self, endpoint: Endpoint, after: Place, limit: int) -> News:
        horizon = await self.horizon()
        only = "AND e.sandbox " if endpoint.only_sandbox else ""
        query = (
            f"SELECT {statements.EVENT}, CAST(e.data AS text) AS data FROM events e"  # noqa: S608
            f" WHERE e.user_id = :user AND {statements.AFTER} AND {statements.BELOW} {only}"
            " AND (CAST(:types AS text[]) IS NULL OR e.type = ANY(CAST(:types AS text[])))"
            " AND (CAST(:sessions AS uuid[]) IS NULL OR e.session_id = ANY(CAST(:sessions AS uuid[])))"
            " ORDER BY e.xid, e.position LIMIT :limit"
        )
        values = {
            "user": endpoint.user_id,
            "types": None if endpoint.types is None else list(endpoint.types),
            "sessions": None if endpoint.session_ids is None else list(endpoint.session_ids),
            "limit": limit,
            **_between(after, horizon),
        }
        rows = await self._rows(query, **values)
        end, more = _end(rows, after, horizon, limit)
        return News([letter_of(row) for row in rows], {endpoint.user_id}, end, more)

    async def letters_of(self, events: Collection[uuid.UUID]) -> dict[uuid.UUID, Letter]:
        query = (
            f"SELECT {statements.EVENT}, CAST(e.data AS text) AS data FROM events e"  # noqa: S608
            " WHERE e.id = ANY(:events)"
        )
        rows = await self._rows(query, events=list(events))
        return {row.event_id: letter_of(row) for row in rows}

    async def known(self, webhook_id: uuid.UUID, events: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Those of the events that the process before had told, or written down, already."""
        query = (
            "SELECT event_id FROM webhook_deliveries"
            " WHERE webhook_id = :webhook AND event_id = ANY(:events) AND NOT replay"
        )
        values = {"webhook": webhook_id, "events": list(events)}
        rows = await self._rows(query, **values)
        return {row.event_id for row in rows}

    async def lanes(self, webhook_id: uuid.UUID) -> list[uuid.UUID]:
        query = (
            f"SELECT DISTINCT {statements.LANE} AS lane FROM webhook_deliveries d"  # noqa: S608
            " WHERE d.webhook_id = :webhook AND d.status = 'pending'"
        )
        rows = await self._rows(query, webhook=webhook_id)
        return [row.lane for row in rows]

    async def waiting(
        self, endpoint: Endpoint, lanes: Collection[uuid.UUID], now: datetime, recovered_at: datetime | None
    ) -> dict[uuid.UUID, list[Parcel]]:
        values = {
            "webhook": endpoint.id,
            "lanes": list(lanes),
            "now": now,
            "recovered": recovered_at,
            "blocking": now - OVERTAKEN_AFTER,
        }
        found: dict[uuid.UUID, list[Parcel]] = {lane: [] for lane in lanes}
        rows = await self._rows(statements.WAITING, **values)
        for row in rows:
            found[row.lane].append(Parcel.waiting(row, letter_of(row) if row.in_log else None))
        return found

    async def _endpoints(self, statement: str, **values: Any) -> list[Endpoint]:
        rows = await self._rows(statement, **values)
        return [Endpoint.of(row) for row in rows]

    async def _rows(self, query: str, **values: Any) -> list[Any]:
        types = [bindparam(name, type_=_TYPES[name]) for name in values if name in _TYPES]
        return list(await self.session.execute(text(query).bindparams(*types), values))


def _between(after: Place, horizon: Place) -> dict[str, Any]:
    return {"xid": str(after.xid), "position": after.position, "horizon": str(horizon.xid)}


def _end(rows: list[Any], after: Place, horizon: Place, limit: int) -> tuple[Place, bool]:
    if len(rows) == limit:
        return Place(rows[-1].xid, rows[-1].position), True
    return max(after, horizon), False
