"""How an example begins, and what owners and the loops of the control plane do in several rules."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from control_plane.errors import AppError, Code
from control_plane.supervision.wishes import Wishes
from tests.fleet_machine.machine import IDS
from tests.fleet_machine.snapshot import Snapshot
from tests.fleet_machine.worker_steps import WorkerSteps
from tests.fleet_machine.world import BRAKE, SILENCE, TICK


class Steps(WorkerSteps):
    @initialize(
        rooms=st.lists(st.integers(1, 3), min_size=2, max_size=2),
        sessions=st.lists(st.booleans(), min_size=1, max_size=3),
    )
    def begins(self, rooms: list[int], sessions: list[bool]) -> None:
        """Two workers with some sessions; those that are scanned are connected."""
        for worker_id, room in zip(IDS, rooms, strict=False):
            self.registers(self.new_process(worker_id, room))
        for scanned in sessions:
            session = self.created(0)
            if session is not None and self.look_at().taking():
                self.world.do(self.calls.ask(self.owner_of(session), session, Wishes.connect))
                self.a_good_round(scans=scanned)

    def created(self, account: int) -> str | None:
        owner = self.world.accounts[account]
        owned = sum(user == str(owner.user_id) for user in self.book.sessions.values())
        name = f"shop-{self.book.number()}"
        try:
            session = self.world.do(self.calls.create(owner, name))
        except AppError as error:
            full = owned >= owner.limits.sessions
            self.demand(full and error.code is Code.TIER_LIMIT_REACHED, "quotas_are_exact", error.detail)
            return None
        self.demand(owned < owner.limits.sessions, "quotas_are_exact", "one more than the tier allows")
        self.book.sessions[session] = str(owner.user_id)
        self.say(f"owner {account} makes {name}, {session[-4:]}")
        return session

    def passes(self, seconds: float) -> None:
        self.world.passes(seconds)
        self.say(f"{seconds / TICK:g} ticks pass")
        for worker in self.workers:
            if worker.awake and self.world.time >= worker.deadline and worker.identity is not None:
                self.say(f"{worker.label} ends its clients by itself")
                worker.loses_its_lease()

    def sweeps(self) -> None:
        before = self.look_at()
        self.world.do(self.calls.look())
        after = self.look_at()
        swept = self.nobody_is_swept_within_a_lease(before, after)
        self.say(f"the sweeper looks, and sweeps {swept or 'nobody'}")
        silences = [row["silence"] for row in before.workers.values() if not row["retired"]]
        together = len(silences) > 1 and min(silences) > SILENCE and max(silences) < SILENCE + BRAKE
        self.demand(not (swept and together), "the_brake_holds", f"all were silent, and {swept} were swept")
        for row in after.sessions.values():
            worker = after.workers.get(row["worker_id"] or "")
            if row["wanted"] == "run" and (worker is None or worker["retired"]):
                words = f"{row['name']} waits, and {after.taking()} could take it"
                self.demand(not after.taking(), "orphans_are_placed", words)

    def nobody_is_swept_within_a_lease(self, before: Snapshot, after: Snapshot) -> list[str]:
        swept = [
            name for name, row in before.workers.items() if after.workers[name]["retired"] > row["retired"]
        ]
        leased = [name for name in swept if before.workers[name]["leased"]]
        self.demand(not leased, "nobody_is_swept_within_a_lease", f"{leased} were swept")
        return swept

    def keeps_up(self) -> None:
        """It deletes only what nobody wants, a week after its owner was told."""
        before = self.look_at()
        self.world.do(self.calls.keep_up())
        for session in set(before.sessions) - set(self.look_at().sessions):
            row = before.sessions[session]
            due = row["wanted"] != "run" and (row["told_days_ago"] or 0) >= 7
            self.demand(due, "no_session_is_lost", f"{row['name']} was deleted without a word")
            del self.book.sessions[session]
