"""What the rules of the machine stand on: whoever is there, and what several rules do."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from control_plane.http.principal import Principal
from tests.fleet_machine.book import Book, Broken, demand
from tests.fleet_machine.calls import Calls
from tests.fleet_machine.invariants import Moment, check
from tests.fleet_machine.simulated_worker import SimulatedWorker
from tests.fleet_machine.snapshot import Snapshot
from tests.fleet_machine.world import TICK, World

Thing = TypeVar("Thing")
# Of whatever there is at that moment, counted round and round.
which = st.integers(0, 5)
IDS = ("w1", "w2", "w3")
SELF_FENCED = 4 * TICK


class FleetMachine(RuleBasedStateMachine):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.calls = Calls(world)
        self.book = Book()
        self.workers: list[SimulatedWorker] = []
        self.broken = False
        world.begin()
        self.before = self.now = world.seen()

    @invariant()
    def everything_holds(self) -> None:
        self.world.steps += 1
        self.before, self.now = self.now, self.look_at()
        try:
            check(Moment(self.before, self.now, self.book, self.workers, self.world.time))
        except Broken as error:
            self.breaks(error)

    def demand(self, holds: object, name: str, words: str) -> None:
        try:
            demand(holds, name, words)
        except Broken as error:
            self.breaks(error)

    def breaks(self, error: Broken) -> None:
        """Its story is told with it."""
        self.broken = True
        error.add_note("\n".join(["What happened:", *self.book.trail]))
        raise error

    def say(self, words: str) -> None:
        self.book.trail.append(words)

    def look_at(self) -> Snapshot:
        return self.world.seen()

    def pick(self, things: Sequence[Thing], number: int) -> Thing:
        return things[number % len(things)]

    def awake(self, *, registered: bool = True) -> list[SimulatedWorker]:
        """Those that wait for no answer."""
        return [
            worker
            for worker in self.workers
            if worker.awake and (worker.identity is not None) == registered and worker.asking is None
        ]

    def asking(self) -> list[SimulatedWorker]:
        return [worker for worker in self.workers if worker.awake and worker.asking is not None]

    def shipping(self) -> list[SimulatedWorker]:
        return [worker for worker in self.awake() if worker.spool.waiting]

    def clients(self) -> list[tuple[SimulatedWorker, str]]:
        return [(worker, session) for worker in self.workers if worker.awake for session in worker.running]

    def a_client(self, number: int) -> tuple[SimulatedWorker, str]:
        return self.pick(self.clients(), number)

    def a_session(self, number: int) -> str:
        return self.pick(sorted(self.book.sessions), number)

    def owner_of(self, session: str) -> Principal:
        return next(each for each in self.world.accounts if str(each.user_id) == self.book.sessions[session])

    def dead(self) -> list[SimulatedWorker]:
        return [worker for worker in self.workers if not worker.alive and worker.identity is not None]
