"""Who ends its engine again and again is found, and its neighbours are spared."""

from hypothesis import given
from hypothesis import strategies as st

from worker.engines.suspicion import ALONE_MAX, MEMORY_SECONDS, TOGETHER, Suspicion

NAMES = [f"s{number:02}" for number in range(20)]


def companies(suspicion: Suspicion, names: list[str], now: float = 0) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for name in names:
        found.setdefault(suspicion.company(name, now), set()).add(name)
    return found


def test_after_a_first_death_all_come_back_together():
    suspicion = Suspicion()
    assert suspicion.died(NAMES, [], 0) == frozenset()
    assert companies(suspicion, NAMES) == {TOGETHER: set(NAMES)}


def test_what_the_engine_was_busy_with_starts_apart_at_once():
    suspicion = Suspicion()
    suspicion.died(NAMES, ["s03"], 0)
    found = companies(suspicion, NAMES)
    assert found.pop(TOGETHER) == set(NAMES) - {"s03"}
    assert list(found.values()) == [{"s03"}]


def test_an_engine_that_was_busy_with_everybody_tells_nothing():
    suspicion = Suspicion()
    suspicion.died(NAMES, NAMES[:10], 0)
    assert companies(suspicion, NAMES) == {TOGETHER: set(NAMES)}


def test_those_that_die_together_again_are_halved():
    suspicion = Suspicion()
    suspicion.died(NAMES, [], 0)
    suspicion.died(NAMES, [], 1)
    assert sorted(map(len, companies(suspicion, NAMES).values())) == [10, 10]


def test_old_deaths_are_forgotten():
    suspicion = Suspicion()
    suspicion.died(NAMES, [], 0)
    suspicion.died(NAMES, [], MEMORY_SECONDS + 1)
    assert companies(suspicion, NAMES, MEMORY_SECONDS + 1) == {TOGETHER: set(NAMES)}


def test_a_session_that_is_wanted_anew_is_trusted_anew():
    suspicion = Suspicion()
    suspicion.died(["a"], [], 0)
    suspicion.forget("a")
    assert suspicion.company("a", 0) == TOGETHER


@given(st.integers(1, 60), st.data())
def test_one_poisonous_session_is_given_up_and_no_other(count: int, data: st.DataObject):
    """Played to the end: whichever engine it is in dies; neighbours suffer a few times at most."""
    names = [f"s{number:02}" for number in range(count)]
    poison = data.draw(st.sampled_from(names))
    shows = data.draw(st.booleans())
    suspicion, suffered = Suspicion(), dict.fromkeys(names, 0)
    given_up: frozenset[str] = frozenset()
    deaths = 0
    while not given_up:
        company = companies(suspicion, names)[suspicion.company(poison, deaths)]
        for name in company:
            suffered[name] += 1
        given_up = suspicion.died(company, [poison] if shows else [], deaths)
        deaths += 1
        assert deaths <= 2 + 6 + ALONE_MAX
    assert given_up == {poison}
    neighbours = [times for name, times in suffered.items() if name != poison]
    assert max(neighbours, default=0) <= (1 if shows else 8)
