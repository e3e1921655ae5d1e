"""What the loops of the control plane do, and the clock."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.fleet_machine.machine import which
from tests.fleet_machine.steps import Steps
from tests.fleet_machine.world import TICK

_A_MONTH = "status_at = status_at - interval '40 days', expiry_told_at = expiry_told_at - interval '8 days'"


class Supervision(Steps):
    @rule(ticks=st.integers(1, 4))
    def time_passes(self, ticks: int) -> None:
        self.passes(ticks * TICK)

    @rule(sweeper=st.sampled_from([True, True, False]), number=which)
    def loop_comes_round(self, sweeper: bool, number: int) -> None:
        if sweeper:
            self.sweeps()
            return
        if self.book.sessions:
            session = self.a_session(number)
            self.say(f"nobody uses {session[-4:]} for a month")
            self.world.change(f"UPDATE sessions SET {_A_MONTH} WHERE id = '{session}'")
        self.keeps_up()

    @precondition(lambda machine: machine.now.workers)
    @rule(number=which)
    def sweeper_acts_on_an_old_look(self, number: int) -> None:
        """What it read is over by the time that it acts: it looks again under the lock."""
        before = self.look_at()
        row = self.pick(list(before.workers.values()), number)
        self.say(f"the sweeper acts on an old look at {row['id']}")
        self.world.do(self.calls.take_over(row["id"], row["incarnation"], proven=False))
        self.nobody_is_swept_within_a_lease(before, self.look_at())

    @precondition(lambda machine: machine.dead())
    @rule(number=which)
    def death_is_proven(self, number: int) -> None:
        worker = self.pick(self.dead(), number)
        assert worker.identity is not None
        self.say(f"{worker.label} is proven dead")
        self.world.do(self.calls.take_over(worker.id, worker.identity.incarnation, proven=True))
