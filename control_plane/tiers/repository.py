"""One guarded statement for each change, so that parallel reservations can never exceed a limit."""

from typing import Any

from sqlalchemy import func

from control_plane.db.tenancy import TenantRepository
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
