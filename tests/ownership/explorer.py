"""Exploration of the model, breadth first and by long random ways; only the hour of a state is forgotten."""

import random
from dataclasses import dataclass, field, replace
from typing import Any

from tests.ownership.actions import act, every
from tests.ownership.invariants import broken_by, broken_in
from tests.ownership.model import Rules, State


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    rules: Rules
    start: State
    actions: tuple[str, ...]
    depth: int
    states: int


@dataclass(slots=True)
class Found:
    states: int = 0
    steps: int = 0
    depth: int = 0
    whole: bool = False
    sentence: str | None = None
    path: tuple[Any, ...] = ()
    reached: list[State] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        way = "\n  ".join(" ".join(map(str, action)) for action in self.path)
        return f"{self.sentence or 'nothing broken'}; {self.states} states, depth {self.depth}\n  {way}"


def counted_from_now(state: State, rules: Rules) -> State:
    """The same state with the clock at nought and the past cut off where no rule looks back any further."""
    now = state.clock
    if now == 0:
        return state
    past = -(rules.brake + rules.lease + 1)

    def since(moment: int) -> int:
        return max(moment - now, past)

    def until(moment: int) -> int:
        return max(moment - now, 0)

    control = state.control
    return replace(
        state,
        clock=0,
        rows=tuple(
            replace(r, lease_until=until(r.lease_until), renewed=since(r.renewed), beaten=since(r.beaten))
            for r in state.rows
        ),
        sessions=tuple(replace(s, assigned=max(s.assigned - now, -rules.young)) for s in state.sessions),
        hosts=tuple(_host_from_now(host, now, until, since) for host in state.hosts),
        control=replace(
            control,
            since=max(control.since - now, -rules.lease),
            beat=max(control.beat - now, -rules.api_silence),
            proofs=tuple((row, incarnation, since(at)) for row, incarnation, at in control.proofs),
        ),
        holds=tuple(
            replace(hold, since=max(hold.since - now, -rules.idle_in_transaction)) for hold in state.holds
        ),
    )


def _host_from_now(host: Any, now: int, until: Any, since: Any) -> Any:
    return replace(
        host,
        deadline=until(host.deadline),
        engines=tuple(replace(engine, deadline=until(engine.deadline)) for engine in host.engines),
        asking=host.asking and replace(host.asking, sent=since(host.asking.sent)),
        answer=host.answer and replace(host.answer, sent=since(host.answer.sent)),
    )


def explore(scenario: Scenario) -> Found:
    """Stops at the first broken sentence, with the shortest way to it."""
    rules, found = scenario.rules, Found()
    start = counted_from_now(scenario.start, rules)
    came: dict[State, tuple[State, tuple[Any, ...]] | None] = {start: None}
    frontier = [start]
    while frontier and found.depth < scenario.depth and len(came) < scenario.states:
        found.depth += 1
        following: list[State] = []
        for state in frontier:
            for action in every(state, scenario.actions):
                after = act(state, rules, *action)
                if after is None:
                    continue
                found.steps += 1
                found.used.add(action[0])
                found.sentence = broken_by(state, action, after, rules)
                if action[0] == "tick":
                    after = counted_from_now(after, rules)
                new = after not in came
                if new:
                    came[after] = (state, action)
                    found.sentence = found.sentence or broken_in(after, rules)
                if found.sentence:
                    found.states = len(came)
                    found.path = (*_way(came, state), action)
                    return found
                if new:
                    following.append(after)
            if len(came) >= scenario.states:
                break
        frontier = following
    found.whole = not frontier
    found.states = len(came)
    found.reached = list(came)
    return found


def wander(scenario: Scenario, walks: int, length: int) -> Found:
    """Random ways, far longer than all ways of breadth-first search can be."""
    rules, found, chance = scenario.rules, Found(), random.Random(scenario.name)
    for _ in range(walks):
        state, path = scenario.start, []
        for _ in range(length):
            # Most actions cannot happen at most times: take the first of a few that can.
            for action in chance.sample(actions := list(every(state, scenario.actions)), len(actions)):
                after = act(state, rules, *action)
                if after is None or (after == state and not after.outcome):
                    continue
                found.steps += 1
                found.used.add(action[0])
                path.append(action)
                found.sentence = broken_by(state, action, after, rules) or broken_in(after, rules)
                if found.sentence:
                    found.path = tuple(path)
                    return found
                state = after
                break
        found.reached.append(state)
    return found


def _way(came: dict[State, Any], state: State) -> tuple[Any, ...]:
    actions = []
    while (step := came[state]) is not None:
        state, action = step
        actions.append(action)
    return tuple(reversed(actions))


def sample(states: list[State], count: int) -> list[State]:
    return random.Random(7).sample(states, min(count, len(states)))
