"""Reading the event log in the order (xid, position), below the oldest transaction that still runs.

A sequence or a time alone would skip the rows of a transaction that commits later than a younger one. Below
that horizon nothing can appear any more, so a place that was passed is passed for good.
"""

import asyncio
import uuid
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ARRAY, BigInteger, Select, Text, Uuid, any_, cast, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.db.transaction_id import TransactionId
from control_plane.events.models import LoggedEvent
from control_plane.events.places import Place
from control_plane.events.schemas import Wanted, place_of

Read = TypeVar("Read")
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the log, and the place where it ends; `more` says that the limit ended it."""

    events: list[LoggedEvent]
    end: Place
    more: bool


class TenantEvents(TenantRepository):
    async def now(self) -> Place:
        return Place(await _horizon(self.session), 0)

    async def after(self, place: Place, limit: int, wanted: Wanted) -> Stretch:
        statement = self.select(LoggedEvent)
        if wanted.only_sandbox:
            statement = statement.where(LoggedEvent.sandbox)
        if wanted.session_id is not None:
            statement = statement.where(LoggedEvent.session_id == wanted.session_id)
        if wanted.types is not None:
            statement = statement.where(LoggedEvent.type.in_(wanted.types))
        return await _stretch(self.session, statement, place, limit)

    async def sandbox_has(self, session_id: uuid.UUID) -> bool:
        """Whether there is an event of it that test keys may read; it may be deleted since."""
        statement = self.select(LoggedEvent).where(LoggedEvent.session_id == session_id, LoggedEvent.sandbox)
        return (await self.session.scalars(statement.limit(1))).first() is not None


class FleetEvents(SystemRepository):
    """The log of all tenants, for the one reader of a replica."""

    async def now(self) -> Place:
        return Place(await _horizon(self.session), 0)

    async def after(self, place: Place, limit: int, users: Collection[uuid.UUID]) -> Stretch:
        statement = select(LoggedEvent).where(LoggedEvent.user_id == any_(literal(list(users), ARRAY(Uuid))))
        return await _stretch(self.session, statement, place, limit)


async def to_its_end(reading: Coroutine[Any, Any, Read]) -> Read:
    """A query that is cancelled in the middle costs its connection, and these are cancelled often."""
    task = asyncio.ensure_future(reading)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_PATIENCE)
        if not task.done():
            task.cancel()
        elif not task.cancelled():
            task.exception()  # it is nobody's any more
        raise


async def _stretch(
    session: AsyncSession, statement: Select[LoggedEvent], place: Place, limit: int
) -> Stretch:
    # The horizon is taken in a statement before the rows: what lies below it is finished by then.
    horizon = await _horizon(session)
    reached = tuple_(_xid(place.xid), literal(place.position, BigInteger))
    statement = statement.where(
        tuple_(LoggedEvent.xid, LoggedEvent.position) > reached, LoggedEvent.xid < _xid(horizon)
    )
    rows = await session.scalars(statement.order_by(LoggedEvent.xid, LoggedEvent.position).limit(limit))
    events = list(rows)
    if len(events) == limit:
        return Stretch(events, place_of(events[-1]), more=True)
    return Stretch(events, max(place, Place(horizon, 0)), more=False)


async def _horizon(session: AsyncSession) -> int:
    oldest_running = func.pg_snapshot_xmin(func.pg_current_snapshot())
    return int(await session.scalar(oldest_running))


def _xid(value: int) -> Any:
    return cast(cast(str(value), Text), TransactionId)
