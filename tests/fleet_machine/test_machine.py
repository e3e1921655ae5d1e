"""Whatever happens to a fleet, and in whatever order: a session has one owner and is never lost."""

from collections.abc import Iterator

import pytest

from control_plane.supervision.wishes import Wishes
from tests.fleet_machine.fleet import EVERYTHING, made_of
from tests.fleet_machine.hunt import hunt, run
from tests.fleet_machine.planted import FAULTS, QUICKLY_FOUND, Fault, planted
from tests.fleet_machine.world import World, a_world

Fleet = made_of(EVERYTHING)


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


def test_nothing_that_can_happen_breaks_the_fleet(world: World):
    run(world, examples=25)


def test_an_answer_that_was_on_its_way_when_another_process_registered_starts_nothing(world: World):
    """The machine's first find: both would run the session at its new epoch, past one fence."""
    machine = Fleet(world)
    old = machine.new_process("w1", 1)
    machine.registers(old)
    session = machine.created(0)
    assert session is not None
    world.do(machine.calls.ask(machine.owner_of(session), session, Wishes.connect))
    machine.beats(old)
    assert machine.asks(old)
    new = machine.new_process("w1", 1)
    machine.registers(new)
    machine.beats(new)
    machine.hears(old)
    machine.everything_holds()
    assert (old.alive, [client.epoch for client in new.running.values()]) == (False, [2])


@pytest.mark.parametrize("fault", QUICKLY_FOUND, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(world: World, fault: Fault):
    is_found(world, fault)


@pytest.mark.chaos
def test_nothing_that_can_happen_breaks_the_fleet_in_a_long_run(world: World):
    run(world, examples=300, other_each_time=True)


@pytest.mark.chaos
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_planted_fault_is_found(world: World, fault: Fault):
    is_found(world, fault)


def is_found(world: World, fault: Fault) -> None:
    with planted(fault, world):
        found = hunt(world, 600, fault.parts)
    assert found is not None
    assert found.broken.invariant in fault.found_by
