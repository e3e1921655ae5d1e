"""When most of a fleet falls silent together, it is a network: nothing moves for a while."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from control_plane.supervision.sweeper import braked_until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SILENCE, PATIENCE = timedelta(seconds=9), timedelta(seconds=60)


def until(*ages: float) -> datetime:
    """Of workers whose last beats were so many seconds ago."""
    beats = [NOW - timedelta(seconds=age) for age in ages]
    return braked_until(beats, NOW, silence=SILENCE, patience=PATIENCE)


def test_a_fleet_that_beats_is_not_braked():
    assert until() < NOW
    assert until(1, 2, 3) < NOW


def test_one_silent_worker_is_taken_over_at_once_even_when_it_is_the_only_one():
    assert until(20) < NOW
    assert until(20, 1) < NOW
    assert until(20, 1, 1) < NOW


def test_half_of_a_fleet_is_not_most_of_it():
    assert until(20, 20, 1, 1) < NOW


def test_most_of_a_fleet_waits_from_the_moment_when_it_became_most():
    assert until(20, 14, 1) == NOW - timedelta(seconds=5) + PATIENCE


def test_all_of_a_fleet_waits():
    assert until(20, 20) == NOW - timedelta(seconds=11) + PATIENCE


def test_the_brake_lets_go_when_the_patience_is_over():
    assert until(9 + 60, 9 + 60) == NOW
    assert until(9 + 59, 9 + 59) > NOW


def test_a_silence_that_is_healed_is_forgotten():
    assert until(20, 14, 1) > NOW
    assert until(20, 0, 1) < NOW


@given(st.lists(st.floats(0, 200), max_size=12))
def test_it_never_holds_longer_than_its_patience(ages: list[float]):
    assert until(*ages) <= NOW + PATIENCE


@given(st.lists(st.floats(0, 200), max_size=12), st.randoms())
def test_the_order_of_the_rows_does_not_matter(ages: list[float], chance):
    shuffled = list(ages)
    chance.shuffle(shuffled)
    assert until(*ages) == until(*shuffled)
