"""The ownership model explored: nothing breaks, nothing stays lost, and every planted fault is found."""

import inspect

import pytest

from tests.ownership import law, test_interleavings, test_outages
from tests.ownership.actions import TABLE, act
from tests.ownership.explorer import Found, Scenario, counted_from_now, explore, sample, wander
from tests.ownership.faults import FAULTS, Fault
from tests.ownership.liveness import lost_after_a_fair_run
from tests.ownership.model import Rules, State
from tests.ownership.scenarios import SCENARIOS, SMALL, settled

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
# Without arguments, so that a planted fault can be held against them.
WALKS = {
    name: walk
    for name, walk in (vars(test_interleavings) | vars(test_outages)).items()
    if name.startswith("test_") and not inspect.signature(walk).parameters
} | {
    f"all silent, {late} beats apart": lambda late=late: (
        test_interleavings.test_all_workers_silent_move_nothing_for_the_time_of_the_brake(late)
    )
    for late in range(3)
}


def never_settles(states: list[State], rules: Rules) -> str | None:
    """Once with everything healed, and once for each host with all the others dead for good."""
    for state in states:
        for alone in (None, *range(len(state.hosts))):
            sentence = lost_after_a_fair_run(state, rules, alone)
            if sentence:
                return sentence
    return None


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_nothing_breaks_and_nothing_stays_lost(scenario: Scenario):
    broad, deep = explore(scenario), wander(scenario, walks=60, length=60)
    assert broad.sentence is None, broad
    assert deep.sentence is None, deep
    if scenario.name != "everything":
        assert broad.used | deep.used == set(scenario.actions), (
            "an action that never happens explores nothing"
        )
    states = sample(broad.reached, 15) + sample(deep.reached, 15)
    assert never_settles(states, scenario.rules) is None


def test_a_fleet_whose_swept_workers_stay_away_is_explored_to_its_end():
    actions = ("tick", "beat", "look", "sweep", "place", "write", "freeze", "thaw")
    start = settled((0, 1), SMALL, sessions=1, disturbances=1)
    found = explore(Scenario("to the end", SMALL, start, actions, depth=100, states=50_000))
    assert found.sentence is None, found
    assert found.whole, found


def test_counting_from_now_changes_nothing_that_can_follow():
    scenario = BY_NAME["everything"]
    for state in sample(wander(scenario, walks=20, length=40).reached, 20):
        for name in ("look", "tick", "control_start"):
            then = act(state, scenario.rules, name)
            now = act(counted_from_now(state, scenario.rules), scenario.rules, name)
            assert (then is None) == (now is None)
            if then and now:
                assert counted_from_now(then, scenario.rules) == counted_from_now(now, scenario.rules)


def explored(fault: Fault) -> str | None:
    scenario = BY_NAME[str(fault.scenario)]
    for look in (lambda: wander(scenario, walks=60, length=60), lambda: explore(scenario)):
        found: Found = look()
        if found.sentence:
            return found.sentence
        lost = never_settles(sample(found.reached, 20), scenario.rules)
        if lost:
            return lost
    return None


def interleavings_that_fail() -> list[str]:
    failed = []
    for name, walk in WALKS.items():
        try:
            walk()
        except AssertionError:
            failed.append(name)
    return failed


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(law, fault.decision, fault.instead)
    if fault.scenario is None:
        assert interleavings_that_fail()
    else:
        assert explored(fault)


def test_every_interleaving_holds_without_a_fault():
    assert interleavings_that_fail() == []


def test_every_decision_has_a_fault_and_every_action_a_scenario():
    decisions = {name for name, value in vars(law).items() if inspect.isfunction(value)}
    assert {fault.decision for fault in FAULTS} == decisions
    assert set().union(*(scenario.actions for scenario in SCENARIOS if scenario.name != "everything")) == set(
        TABLE
    )
