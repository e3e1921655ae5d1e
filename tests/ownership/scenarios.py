"""Where exploration starts and what may happen from there: corners of the fleet, and once everything."""

from dataclasses import replace

from tests.ownership.actions import TABLE, act
from tests.ownership.explorer import Scenario
from tests.ownership.model import Rules, State, fleet

# As small as the order of the times allows: fence before lease, silence before lease, silence of the API
# short enough to renew before the fence.
SMALL = Rules(
    self_fence=2,
    lease=3,
    silent_after=2,
    api_silence=1,
    direct_window=3,
    brake=3,
    idle_in_transaction=2,
    young=2,
    restarts=2,
)


def settled(host_rows: tuple[int, ...], rules: Rules, sessions: int = 1, disturbances: int = 1_000) -> State:
    """The first host of each id is registered, each session runs, all beats are fresh."""
    state = fleet(host_rows, sessions, disturbances)
    firsts = [host_rows.index(row) for row in sorted(set(host_rows))]
    steps: list[tuple[object, ...]] = [("register", host) for host in firsts]
    steps += [("place", session, session % len(firsts)) for session in range(sessions)]
    steps += [("tick",), *(("beat", host) for host in firsts)] * 2
    for _ in range(rules.lease):
        steps += [("tick",), *(("beat", host) for host in firsts)]
    return walk(state, rules, *steps)


def walk(state: State, rules: Rules, *steps: tuple[object, ...]) -> State:
    """Explicit actions, each of which must be possible when its turn comes."""
    for step in steps:
        name, *arguments = step
        after = act(state, rules, str(name), *arguments)  # type: ignore[arg-type]
        assert after is not None, f"{step} cannot happen here: {state}"
        state = after
    return state


SWEEPING = ("tick", "beat", "look", "sweep", "place")
DELAYED = ("send", "receive", "hear", "lose")
STORE = ("write", "begin", "commit", "terminate")


def _scenario(
    name: str,
    start: State,
    actions: tuple[str, ...],
    states: int = 5_000,
    depth: int = 40,
    rules: Rules = SMALL,
) -> Scenario:
    return Scenario(name, rules, start, actions, depth, states)


def _two(disturbances: int, sessions: int = 1) -> State:
    return settled((0, 1), SMALL, sessions, disturbances)


def _frozen_and_taken_over(disturbances: int) -> State:
    """The predecessor is still frozen, its successor has just started."""
    turn: list[tuple[object, ...]] = [("tick",), ("beat", 1)]
    steps = [("freeze", 0), *turn * SMALL.lease, ("look",), ("sweep", 0), ("place", 0, 1), ("beat", 1)]
    return walk(_two(disturbances), SMALL, *steps)


SCENARIOS = (
    # The time-out that would end the transaction is made long: the take-over has to end it.
    _scenario(
        "a host freezes in the store",
        _two(1),
        ("tick", "beat", "look", "sweep", "place", *STORE, "freeze", "thaw", "register"),
        rules=replace(SMALL, idle_in_transaction=9),
    ),
    _scenario(
        "the store link breaks",
        _two(2),
        (*SWEEPING, "beat_direct", "write", "begin", "commit", "cut_store", "heal_store", "cut_link"),
    ),
    _scenario("beats are late or lost", _two(2), ("tick", *DELAYED, "look", "sweep", "place", "register")),
    _scenario(
        "a worker dies and returns",
        _two(2),
        (*SWEEPING, "write", "crash", "restart", "register", "register_unanswered"),
    ),
    _scenario(
        "proof of death",
        _two(2),
        (
            "tick",
            "beat",
            "place",
            "probe",
            "take_over_the_dead",
            "crash",
            "restart",
            "register",
            "freeze",
            "thaw",
        ),
    ),
    _scenario(
        "a second machine claims the id",
        settled((0, 0, 1), SMALL, 1, 1),
        (*SWEEPING, *STORE, "register", "freeze", "thaw", "notice_replaced", "reconnect"),
    ),
    _scenario(
        "the control plane is away",
        _two(2),
        (
            *SWEEPING,
            "send_direct",
            "receive",
            "hear",
            "control_crash",
            "control_start",
            "cut_link",
            "heal_link",
        ),
    ),
    _scenario(
        "a session is handed over",
        _two(2),
        ("tick", *DELAYED, "place", "ask_move", "look", "sweep", "crash_engine", "want_stop", "want_run"),
        states=8_000,
    ),
    _scenario(
        "clients evict each other",
        _frozen_and_taken_over(3),
        (*SWEEPING, "register", "freeze", "thaw", "reconnect", "notice_replaced", "evict_from_outside"),
        rules=replace(SMALL, restarts=1),
    ),
    _scenario(
        "events are told and shipped",
        _two(1),
        (*SWEEPING, "tell", "ship", "ship_unanswered", "ship_lost", "crash", "restart", "register"),
    ),
    _scenario(
        "three workers fall silent",
        settled((0, 1, 2), SMALL, 2, 1),
        ("tick", "beat", "look", "sweep", "place"),
    ),
    _scenario("everything", _two(3, sessions=2), tuple(TABLE), states=6_000),
)
