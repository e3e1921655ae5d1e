"""Claim, renew, finish: how work that is a row is done by one process at a time, by another when that dies.

A claim is a random token with an end. Every later statement is guarded by that token, so a process that
lost its claim (it stalled, its lease ended, another took over) changes nothing and learns it from the answer.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Index, RowMapping, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from control_plane.db.base import Base, HasId


class HasClaim(HasId):
    """The columns of work that loops claim. `due_at` far in the future means: nothing to do."""

    due_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    claim_token: Mapped[uuid.UUID | None] = mapped_column(default=None)
    claimed_until: Mapped[datetime | None] = mapped_column(default=None)
    attempts: Mapped[int] = mapped_column(server_default="0", default=0)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> Any:
        return (Index(None, "due_at"),)


@dataclass(frozen=True, slots=True)
class Claim:
    id: uuid.UUID
    token: uuid.UUID
    attempts: int
    row: RowMapping


@dataclass(frozen=True, slots=True)
class Depth:
    """How much work there is: due now, being done, and due later (postponed after a failure, or planned)."""

    waiting: int
    active: int
    delayed: int


async def depth(session: AsyncSession, model: type[Base]) -> Depth:
    table: Any = model.__table__
    now = func.statement_timestamp()
    held = func.coalesce(table.c.claimed_until > now, False)
    counts = [
        func.count().filter(condition)
        for condition in (and_(~held, table.c.due_at <= now), held, and_(~held, table.c.due_at > now))
    ]
    row: Any = (await session.execute(select(*counts).select_from(table))).one()
    return Depth(waiting=row[0], active=row[1], delayed=row[2])


class Claims:
    """The claims on one table."""

    def __init__(
        self, model: type[Base], *, lease: timedelta, only: Sequence[ColumnElement[bool]] = ()
    ) -> None:
        self._table: Any = model.__table__
        self._lease = lease
        self._only = tuple(only)

    @property
    def lease(self) -> timedelta:
        return self._lease

    async def take(self, session: AsyncSession, limit: int) -> list[Claim]:
        """At most `limit` rows that are due and that nobody holds, the longest due first."""
        table = self._table.c
        now = func.statement_timestamp()
        picked = (
            select(table.id)
            .where(
                table.due_at <= now,
                or_(table.claimed_until.is_(None), table.claimed_until <= now),
                *self._only,
            )
            .order_by(table.due_at, table.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("picked")
            # Evaluated once: inside a join PostgreSQL may run a locking sub-select again and pick more.
            .prefix_with("MATERIALIZED", dialect="postgresql")
        )
        statement = (
            update(self._table)
            .where(table.id == picked.c.id)
            .values(
                claim_token=func.gen_random_uuid(),
                claimed_until=func.clock_timestamp() + self._lease,
                attempts=table.attempts + 1,
            )
            .returning(*self._table.c)
        )
        rows = (await session.execute(statement)).mappings().all()
        rows = sorted(rows, key=lambda row: (row["due_at"], row["id"]))
        return [Claim(row["id"], row["claim_token"], row["attempts"], row) for row in rows]

    async def renew(self, session: AsyncSession, claim: Claim) -> bool:
        """False means that the claim is lost: stop, and write nothing."""
        return await self._guarded(session, claim, claimed_until=func.clock_timestamp() + self._lease)

    async def finish(self, session: AsyncSession, claim: Claim, **values: Any) -> bool:
        """Gives the row back with its outcome; False: the claim was lost and nothing was written."""
        return await self._guarded(session, claim, claim_token=None, claimed_until=None, **values)

    async def postpone(self, session: AsyncSession, claim: Claim, delay: timedelta, **values: Any) -> bool:
        """Gives the row back to be tried again after `delay`."""
        return await self.finish(session, claim, due_at=func.clock_timestamp() + delay, **values)

    async def remove(self, session: AsyncSession, claim: Claim) -> bool:
        """For work whose row has no further use once it is done."""
        statement = self._table.delete().where(self._holds(claim))
        result: Any = await session.execute(statement)
        return bool(result.rowcount)

    async def _guarded(self, session: AsyncSession, claim: Claim, **values: Any) -> bool:
        statement = update(self._table).where(self._holds(claim)).values(**values)
        result: Any = await session.execute(statement)
        return bool(result.rowcount)

    def _holds(self, claim: Claim) -> ColumnElement[bool]:
        return and_(self._table.c.id == claim.id, self._table.c.claim_token == claim.token)
