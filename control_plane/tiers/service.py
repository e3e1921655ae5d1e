"""Reserve before making, release after removing: both in the transaction that makes or removes."""

from datetime import UTC, datetime
from enum import StrEnum

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code
from control_plane.tiers.limits import Limits
from control_plane.tiers.repository import QuotaRepository

STANDING = ""


class Resource(StrEnum):
    SESSIONS = "sessions"
    WEBHOOKS = "webhooks"
    API_KEYS = "api_keys"
    MESSAGES = "messages"


_NAMES = {
    Resource.SESSIONS: "sessions",
    Resource.WEBHOOKS: "webhooks",
    Resource.API_KEYS: "API keys",
}


class Usage(msgspec.Struct, frozen=True, rename="camel"):
    used: int
    limit: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


class Quotas:
    """The quotas of the account whose session it is given."""

    def __init__(self, session: AsyncSession) -> None:
        self._repository = QuotaRepository(session)

    async def reserve(self, resource: Resource, limits: Limits, amount: int = 1) -> int:
        limit: int = getattr(limits, resource.value)
        used = await self._repository.add(resource.value, STANDING, amount, limit)
        if used is None:
            raise AppError(
                Code.TIER_LIMIT_REACHED,
                f"The account may have {limit} {_NAMES[resource]} and has no room for {amount} more. "
                "Delete one, or ask for a higher tier.",
                extra={"resource": resource.value, "limit": limit},
            )
        return used

    async def reserve_message(self, limits: Limits) -> list[tuple[str, int]]:
        """One more in its day and its month. Which of the two are used up by it, with their limits."""
        day, month = periods(datetime.now(UTC))
        used_up = []
        for period, limit, name in (
            (day, limits.messages_per_day, "day"),
            (month, limits.messages_per_month, "month"),
        ):
            used = await self._repository.add(Resource.MESSAGES.value, period, 1, limit)
            if used is None:
                raise AppError(
                    Code.TIER_LIMIT_REACHED,
                    f"The account may send {limit} messages a {name}, and has. Wait for the next {name}"
                    " (UTC), or ask for a higher tier.",
                    extra={"resource": Resource.MESSAGES.value, "period": name, "limit": limit},
                )
            if used == limit:
                used_up.append((name, limit))
        return used_up

    async def release_message(self, sent_at: datetime) -> None:
        """It was never sent."""
        for period in periods(sent_at):
            await self._repository.subtract(Resource.MESSAGES.value, period, 1)

    async def release(self, resource: Resource, amount: int = 1) -> None:
        await self._repository.subtract(resource.value, STANDING, amount)

    async def usage(self, limits: Limits, now: datetime | None = None) -> dict[str, Usage]:
        day, month = periods(now or datetime.now(UTC))
        used = await self._repository.used([STANDING, day, month])
        return {
            "sessions": Usage(used.get((Resource.SESSIONS, STANDING), 0), limits.sessions),
            "webhooks": Usage(used.get((Resource.WEBHOOKS, STANDING), 0), limits.webhooks),
            "apiKeys": Usage(used.get((Resource.API_KEYS, STANDING), 0), limits.api_keys),
            "messagesToday": Usage(used.get((Resource.MESSAGES, day), 0), limits.messages_per_day),
            "messagesThisMonth": Usage(used.get((Resource.MESSAGES, month), 0), limits.messages_per_month),
        }


def periods(now: datetime) -> tuple[str, str]:
    """The day and the month that a moment is counted in, in UTC for every account."""
    utc = now.astimezone(UTC)
    return f"{utc:%Y-%m-%d}", f"{utc:%Y-%m}"
