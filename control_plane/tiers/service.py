"""Reserve before making, release after removing: both in the transaction that makes or removes."""

import uuid
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code
from control_plane.tiers.limits import Limits
from control_plane.tiers.repository import QuotaRepository, StoredQuotas

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
        allowed = message_periods(limits, datetime.now(UTC))
        used = await self._repository.add_message({period: limit for period, (_, limit) in allowed.items()})
        for period, (name, limit) in allowed.items():
            if period not in used:
                raise tier_limit_reached(name, limit)
        return [(name, limit) for period, (name, limit) in allowed.items() if used[period] == limit]

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


class Room(msgspec.Struct, frozen=True):
    """How many messages were given, which limits they used up, and which one stood in the way of more."""

    given: int
    used_up: tuple[tuple[str, int], ...] = ()
    full: str | None = None


class QuotaRoom:
    """As whoever feeds broadcasts takes as much as there is, in a session of the system."""

    def __init__(self, session: AsyncSession) -> None:
        self._repository = StoredQuotas(session)

    async def take_messages(self, user_id: uuid.UUID, limits: Limits, wanted: int) -> Room:
        both, given, full = periods(datetime.now(UTC)), wanted, None
        used = []
        for period, limit, name in (
            (both[0], limits.messages_per_day, "day"),
            (both[1], limits.messages_per_month, "month"),
        ):
            before = await self._repository.locked(user_id, Resource.MESSAGES.value, period)
            used.append((name, limit, before))
            if limit - before < given:
                given, full = max(0, limit - before), name
        if given:
            await self._repository.add(user_id, Resource.MESSAGES.value, both, given)
        used_up = tuple((name, limit) for name, limit, before in used if given and before + given == limit)
        return Room(given, used_up, full)


class ReleasedQuotas:
    """As whoever sends gives back what was reserved, in a session of the system."""

    def __init__(self, session: AsyncSession) -> None:
        self._repository = StoredQuotas(session)

    async def release_message(self, user_id: uuid.UUID, accepted_at: datetime) -> None:
        """It was never sent."""
        await self._repository.subtract(user_id, Resource.MESSAGES.value, periods(accepted_at))


def message_periods(limits: Limits, now: datetime) -> dict[str, tuple[str, int]]:
    """The day and the month that count now: what people call them, and how many messages they may hold."""
    day, month = periods(now)
    return {day: ("day", limits.messages_per_day), month: ("month", limits.messages_per_month)}


def tier_limit_reached(name: str, limit: int) -> AppError:
    return AppError(
        Code.TIER_LIMIT_REACHED,
        f"The account may send {limit} messages a {name}, and has. Wait for the next {name}"
        " (UTC), or ask for a higher tier.",
        extra={"resource": Resource.MESSAGES.value, "period": name, "limit": limit},
    )


def periods(now: datetime) -> tuple[str, str]:
    """The day and the month that a moment is counted in, in UTC for every account."""
    utc = now.astimezone(UTC)
    return f"{utc:%Y-%m-%d}", f"{utc:%Y-%m}"
