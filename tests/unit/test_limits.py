"""The table of tiers, and the exceptions that an admin makes."""

import msgspec
import pytest

from control_plane.tiers.limits import LIMITS, Tier, limits_of


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        (Tier.BASIC, (1, 1_000, 10_000, 60, 2, 30, 10)),
        (Tier.PRO, (5, 10_000, 200_000, 600, 10, 90, 50)),
        (Tier.MAX, (20, 100_000, 2_000_000, 3_000, 50, 365, 200)),
    ],
)
def test_the_published_numbers(tier: Tier, expected: tuple[int, ...]):
    limits = LIMITS[tier]
    assert (
        limits.sessions,
        limits.messages_per_day,
        limits.messages_per_month,
        limits.requests_per_minute,
        limits.webhooks,
        limits.history_days,
        limits.api_keys,
    ) == expected


def test_an_override_changes_one_number_and_leaves_the_others():
    limits = limits_of(Tier.BASIC, {"sessions": 7})
    assert limits == msgspec.structs.replace(LIMITS[Tier.BASIC], sessions=7)


def test_an_unknown_override_is_refused():
    with pytest.raises(msgspec.ValidationError):
        limits_of(Tier.BASIC, {"sesions": 7})
