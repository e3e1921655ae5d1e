"""One guarded statement for each change, so that parallel reservations can never exceed a limit."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert

from control_plane.db.functions import call_function
from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.tiers.models import QuotaUsage


class QuotaRepository(TenantRepository):
    async def add(self, resource: str, period: str, amount: int, limit: int) -> int | None:
        """What is used afterwards, or None when the limit does not allow it (nothing is changed then)."""
        if amount > limit:
            return None
        new = self.insert(QuotaUsage, resource=resource, period=period, used=amount)
        statement = new.on_conflict_do_update(
            index_elements=["user_id", "resource", "period"],
            set_={"used": QuotaUsage.used + amount},
            where=QuotaUsage.used + amount <= limit,
        ).returning(QuotaUsage.used)
        used: int | None = (await self.session.execute(statement)).scalar_one_or_none()
        return used

    async def add_message(self, limits: Mapping[str, int]) -> dict[str, int]:
        """By period, as it is used afterwards; what is missing is used up: then all is to be undone."""
        row = await call_function(self.session, "count_message", tenant=self.tenant, limits=dict(limits))
        counted: dict[str, int] = row["count_message"]
        return counted

    async def subtract(self, resource: str, period: str, amount: int) -> None:
        await self.session.execute(
            self.update(QuotaUsage)
            .where(QuotaUsage.resource == resource, QuotaUsage.period == period)
            .values(used=func.greatest(QuotaUsage.used - amount, 0))
        )

    async def used(self, periods: list[str]) -> dict[tuple[str, str], int]:
        statement = self.select_columns(
            QuotaUsage, QuotaUsage.resource, QuotaUsage.period, QuotaUsage.used
        ).where(QuotaUsage.period.in_(periods))
        rows: Any = (await self.session.execute(statement)).all()
        return {(resource, period): used for resource, period, used in rows}


class StoredQuotas(SystemRepository):
    async def locked(self, user_id: uuid.UUID, resource: str, period: str) -> int:
        """What is used, and stays so until this transaction ends."""
        new = insert(QuotaUsage).values(user_id=user_id, resource=resource, period=period, used=0)
        statement = new.on_conflict_do_update(
            index_elements=["user_id", "resource", "period"], set_={"used": QuotaUsage.used}
        ).returning(QuotaUsage.used)
        used: int = (await self.session.execute(statement)).scalar_one()
        return used

    async def add(self, user_id: uuid.UUID, resource: str, periods: Sequence[str], amount: int) -> None:
        """To rows that are locked."""
        await self.session.execute(
            update(QuotaUsage)
            .where(
                QuotaUsage.user_id == user_id,
                QuotaUsage.resource == resource,
                QuotaUsage.period.in_(periods),
            )
            .values(used=QuotaUsage.used + amount)
        )

    async def subtract(self, user_id: uuid.UUID, resource: str, periods: Sequence[str]) -> None:
        await self.session.execute(
            update(QuotaUsage)
            .where(
                QuotaUsage.user_id == user_id,
                QuotaUsage.resource == resource,
                QuotaUsage.period.in_(periods),
            )
            .values(used=func.greatest(QuotaUsage.used - 1, 0))
        )
