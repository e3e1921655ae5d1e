"""A lease is counted from when its renewal was sent, and ends before the control plane's does."""

import pytest

from worker.lease import Lease


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lease(clock: Clock) -> Lease:
    lease = Lease(clock)
    lease.begin(clock.now, 15)
    return lease


def test_before_a_registration_there_is_none(clock: Clock):
    assert (Lease(clock).over, Lease(clock).remaining) == (True, 0)


def test_clients_end_while_a_fifth_of_it_is_left(lease: Lease, clock: Clock):
    clock.now += 11.9
    assert not lease.over
    clock.now += 0.1
    assert lease.over


def test_an_answer_that_was_long_under_way_counts_from_its_question(lease: Lease, clock: Clock):
    sent_at = lease.moment()
    clock.now += 8
    lease.renewed(sent_at)
    assert lease.remaining == pytest.approx(4)


def test_a_late_answer_does_not_shorten_it(lease: Lease, clock: Clock):
    clock.now += 6
    lease.renewed(clock.now)
    lease.renewed(clock.now - 5)
    assert lease.remaining == pytest.approx(12)


def test_a_new_incarnation_owes_nothing_to_the_one_before(lease: Lease, clock: Clock):
    lease.begin(clock.now - 3, 5)
    assert lease.remaining == pytest.approx(1)


async def test_who_waits_for_its_end_is_told_at_the_end():
    lease = Lease()
    lease.begin(lease.moment(), 0.05)
    await lease.ended()
    assert lease.over
