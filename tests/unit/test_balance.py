"""Load is evened out, with as few moves as that takes, and no session is ever sent back."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from control_plane.fleet.balance import TOLERATED, Load, worthwhile_moves

loads = st.lists(
    st.builds(
        Load,
        worker_id=st.just(""),
        room=st.integers(0, 40),
        assigned=st.integers(0, 60),
        weight=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    ),
    max_size=6,
).map(lambda made: [replace(load, worker_id=f"w-{number}") for number, load in enumerate(made)])


def fleet(*assigned: int, room: int = 100) -> list[Load]:
    return [Load(worker_id=f"w-{n}", room=room, assigned=count) for n, count in enumerate(assigned)]


def evened_out(fleet: list[Load]) -> tuple[list[int], list[tuple[str, str]]]:
    """Each worker's sessions in the end, and the moves that it took."""
    by_id, moves = {load.worker_id: load for load in fleet}, []
    while found := next(worthwhile_moves(list(by_id.values())), None):
        source, target = found
        by_id[source] = replace(by_id[source], assigned=by_id[source].assigned - 1)
        by_id[target] = replace(by_id[target], assigned=by_id[target].assigned + 1)
        moves.append(found)
        assert len(moves) < 1_000, "it does not come to an end"
    return [load.assigned for load in by_id.values()], moves


def test_a_new_worker_gets_its_share():
    assigned, moves = evened_out(fleet(20, 0))
    assert assigned == [12, 8]
    assert set(moves) == {("w-0", "w-1")}


def test_an_even_fleet_stays_as_it_is():
    for even in (fleet(), fleet(5), fleet(10, 10), fleet(11, 10, 9), fleet(1, 0), fleet(0, 0)):
        assert evened_out(even)[1] == []


def test_one_session_more_is_no_reason():
    assert evened_out(fleet(2, 1))[1] == []


def test_a_larger_and_a_weightier_worker_gets_more():
    small, large = Load(worker_id="s", room=10, assigned=10), Load(worker_id="l", room=90, assigned=0)
    assert evened_out([small, large])[0][0] <= 2
    heavy = Load(worker_id="h", room=10, assigned=0, weight=3.0)
    assert evened_out([small, heavy])[0] == [3, 7]


def test_a_worker_that_may_have_none_any_more_is_emptied_and_gets_none():
    closed = Load(worker_id="c", room=0, assigned=4)
    assert evened_out([closed, *fleet(0)])[0] == [0, 4]
    assert evened_out([replace(closed, assigned=0), *fleet(9)])[1] == []


@given(loads)
def test_it_ends_and_never_sends_back(made: list[Load]):
    assigned, moves = evened_out(made)
    assert sum(assigned) == sum(load.assigned for load in made)
    assert not {source for source, _ in moves} & {target for _, target in moves}
    for load, count in zip(made, assigned, strict=True):
        assert count <= max(load.assigned, load.room)


@given(st.lists(st.integers(0, 40), min_size=2, max_size=5))
def test_what_remains_is_tolerated_or_cannot_be_bettered_by_a_session(counts: list[int]):
    assigned, _ = evened_out(fleet(*counts))
    mean = sum(assigned) / len(assigned)
    far = any(abs(count - mean) > mean * TOLERATED + 1e-6 for count in assigned)
    assert not far or max(assigned) - min(assigned) <= 1
