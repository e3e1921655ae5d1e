"""What each tier may use: the one table of limits, and the account's own exceptions to it."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

import msgspec

_FOR_EVER_DAYS = 20_000


class Tier(StrEnum):
    BASIC = "BASIC"
    PRO = "PRO"
    MAX = "MAX"


class Limits(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    sessions: int
    messages_per_day: int
    messages_per_month: int
    requests_per_minute: int
    webhooks: int
    history_days: int
    api_keys: int


LIMITS: Mapping[Tier, Limits] = {
    Tier.BASIC: Limits(
        sessions=1,
        messages_per_day=1_000,
        messages_per_month=10_000,
        requests_per_minute=60,
        webhooks=2,
        history_days=30,
        api_keys=10,
    ),
    Tier.PRO: Limits(
        sessions=5,
        messages_per_day=10_000,
        messages_per_month=200_000,
        requests_per_minute=600,
        webhooks=10,
        history_days=90,
        api_keys=50,
    ),
    Tier.MAX: Limits(
        sessions=20,
        messages_per_day=100_000,
        messages_per_month=2_000_000,
        requests_per_minute=3_000,
        webhooks=50,
        history_days=365,
        api_keys=200,
    ),
}


class LimitOverrides(
    msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """Numbers that an admin set for one account; what is not named follows the tier."""

    sessions: int | None = None
    messages_per_day: int | None = None
    messages_per_month: int | None = None
    requests_per_minute: int | None = None
    webhooks: int | None = None
    history_days: int | None = None
    api_keys: int | None = None


def limits_of(tier: Tier, overrides: Mapping[str, int] | None = None) -> Limits:
    base = LIMITS[tier]
    if not overrides:
        return base
    own = msgspec.to_builtins(msgspec.convert(dict(overrides), LimitOverrides))
    return msgspec.convert(msgspec.to_builtins(base) | own, Limits)


def kept_for(tier: str, overrides: Mapping[str, int] | None) -> timedelta:
    """How far its history goes back. A number that is set very high means: for ever, and ends before the
    calendar does.
    """
    days = limits_of(Tier(tier), overrides).history_days
    return timedelta(days=min(max(days, 0), _FOR_EVER_DAYS))
