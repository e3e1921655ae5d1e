"""Which worker a session goes to."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.fleet.placement import WEIGHTS, Candidate, labels_met, ranked, score

IDLE = Candidate(worker_id="idle", capacity=100, assigned=0)
BUSY = Candidate(
    worker_id="busy", capacity=100, assigned=99, cpu=99, memory=99, healthy=0.1, failures=9, weight=0.1
)


def percent() -> st.SearchStrategy[float]:
    """As measured: a faulty measure may be out of all bounds."""
    return st.floats(min_value=-10, max_value=1e6)


candidates = st.builds(
    Candidate,
    worker_id=st.integers(0, 30).map("worker-{}".format),
    capacity=st.integers(0, 200),
    assigned=st.integers(0, 250),
    cpu=percent(),
    memory=percent(),
    healthy=st.floats(0, 1),
    failures=st.integers(0, 50),
    weight=st.floats(0, 100),
    accepts=st.booleans(),
    why_not=st.just("is draining"),
)
fleets = st.lists(candidates, max_size=12, unique_by=lambda each: each.worker_id)


def fill(fleet: list[Candidate], sessions: int) -> Counter[str]:
    """One by one, each where it is best at that moment."""
    by_id = {each.worker_id: each for each in fleet}
    for _ in range(sessions):
        best = by_id[ranked(by_id.values())[0].worker_id]
        by_id[best.worker_id] = replace(best, assigned=best.assigned + 1)
    return Counter({name: each.assigned for name, each in by_id.items()})


def test_the_weights_are_of_one_whole_and_each_part_has_one():
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    assert score(IDLE).parts.keys() == WEIGHTS.keys()
    assert score(IDLE).score == 1


def test_equal_workers_fill_evenly():
    fleet = [replace(IDLE, worker_id=f"worker-{number}") for number in range(3)]
    assert sorted(fill(fleet, 100).values()) == [33, 33, 34]


def test_a_worker_with_more_room_takes_more():
    fleet = [replace(IDLE, worker_id="large", capacity=150), replace(IDLE, worker_id="small", capacity=50)]
    assert fill(fleet, 100) == {"large": 75, "small": 25}


def test_among_equals_the_one_with_the_fewest_sessions_is_first_and_then_the_name_decides():
    few, many = replace(IDLE, worker_id="b", weight=0), replace(IDLE, worker_id="a", weight=0, assigned=1)
    same = replace(few, worker_id="c")
    assert [each.worker_id for each in ranked([same, many, few])] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("changes", "why_not"),
    [
        ({"assigned": 100}, "is full (100 of 100)"),
        ({"assigned": 101}, "is full (101 of 100)"),
        ({"capacity": 0}, "is full (0 of 0)"),
        ({"accepts": False, "why_not": "is draining"}, "is draining"),
        ({"accepts": False, "why_not": "is draining", "assigned": 100}, "is draining"),
    ],
)
def test_a_worker_that_takes_none_never_wins_and_it_is_said_why(changes: dict[str, object], why_not: str):
    closed = replace(IDLE, weight=100.0, **changes)  # type: ignore[arg-type]
    first, last = ranked([closed, BUSY])
    assert (first.worker_id, first.eligible, first.why_not) == ("busy", True, "")
    assert (last.worker_id, last.eligible, last.why_not) == ("idle", False, why_not)


def test_a_worker_with_twice_the_weight_has_twice_the_score():
    assert score(replace(IDLE, weight=2.0)).score == 2 * score(IDLE).score
    preferred = replace(IDLE, worker_id="preferred", weight=2.0, assigned=40)
    assert ranked([IDLE, preferred])[0].worker_id == "preferred"


@pytest.mark.parametrize(
    "worse", [{"assigned": 50}, {"cpu": 50.0}, {"memory": 50.0}, {"healthy": 0.5}, {"failures": 1}]
)
def test_each_part_alone_decides_between_two(worse: dict[str, float]):
    other = replace(IDLE, worker_id="a-worse-one", **worse)  # type: ignore[arg-type]
    assert [each.worker_id for each in ranked([other, IDLE])] == ["idle", "a-worse-one"]


def test_a_small_difference_of_load_is_no_difference():
    assert score(replace(IDLE, cpu=41, memory=59)).score == score(replace(IDLE, cpu=49, memory=51)).score


@given(fleets)
def test_whoever_takes_sessions_stands_before_all_who_do_not(fleet: list[Candidate]):
    found = ranked(fleet)
    assert sorted(each.worker_id for each in found) == sorted(each.worker_id for each in fleet)
    eligible = [each.eligible for each in found]
    assert eligible == sorted(eligible, reverse=True)
    by_id = {each.worker_id: each for each in fleet}
    for each in found:
        candidate = by_id[each.worker_id]
        assert each.eligible == (candidate.accepts and candidate.assigned < candidate.capacity)
        assert each.eligible == (not each.why_not)


@given(fleets, st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_given_changes_nothing(fleet: list[Candidate], random: Random):
    shuffled = fleet.copy()
    random.shuffle(shuffled)
    assert ranked(shuffled) == ranked(fleet)


@given(candidates)
def test_a_score_stays_in_its_bounds_whatever_was_measured(candidate: Candidate):
    assert 0 <= score(candidate).score <= candidate.weight + 1e-6


@given(
    candidates,
    st.integers(0, 100),
    st.floats(0, 100),
    st.floats(0, 100),
    st.floats(0, 1),
    st.integers(0, 10),
)
def test_more_load_never_raises_a_score(
    candidate: Candidate, sessions: int, cpu: float, memory: float, unhealthy: float, failures: int
):
    loaded = replace(
        candidate,
        assigned=candidate.assigned + sessions,
        cpu=candidate.cpu + cpu,
        memory=candidate.memory + memory,
        healthy=max(0.0, candidate.healthy - unhealthy),
        failures=candidate.failures + failures,
    )
    before, after = score(candidate), score(loaded)
    assert after.score <= before.score
    assert before.eligible or not after.eligible


def test_a_worker_with_the_wanted_labels_wins_until_it_is_much_fuller():
    near = replace(IDLE, worker_id="near", labels=1.0)
    far = replace(IDLE, worker_id="far", labels=0.0)
    assert ranked([replace(near, assigned=40), far])[0].worker_id == "near"
    assert ranked([replace(near, assigned=60), far])[0].worker_id == "far"


def test_labels_count_by_the_share_that_is_met():
    wanted = {"region": "eu", "disk": "fast"}
    assert labels_met(wanted, {"region": "eu", "disk": "fast", "more": "x"}) == 1
    assert labels_met(wanted, {"region": "eu"}) == 0.5
    assert labels_met(wanted, {"region": "us"}) == 0
    assert labels_met({}, {}) == 1
