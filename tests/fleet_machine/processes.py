"""What workers do, and what is done to them."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from control_plane.errors import AppError
from shared.contracts.fleet import SeenState, UplinkEvent
from shared.contracts.told import StateSeen, Told
from shared.session_state import Reason, SessionState
from tests.fleet_machine.machine import IDS, SELF_FENCED, which
from tests.fleet_machine.owners import has_sessions
from tests.fleet_machine.simulated_worker import SimulatedWorker
from tests.fleet_machine.steps import Steps
from tests.fleet_machine.words import ENDS, message

has_awake = precondition(lambda machine: machine.awake())


class Processes(Steps):
    @has_awake
    @rule(number=which, whole=st.booleans())
    def worker_beats(self, number: int, whole: bool) -> None:
        """Or its lease is renewed, and the answer is still on its way."""
        worker = self.pick(self.awake(), number)
        if whole:
            self.beats(worker)
        elif self.asks(worker):
            self.say(f"{worker.label} renews its lease")

    @precondition(lambda machine: machine.asking())
    @rule(number=which, lost=st.booleans())
    def answer_comes(self, number: int, lost: bool) -> None:
        self.hears(self.pick(self.asking(), number), lost=lost)

    @precondition(lambda machine: machine.shipping())
    @rule(number=which, most=st.integers(1, 4), answered=st.booleans())
    def worker_ships(self, number: int, most: int, answered: bool) -> None:
        self.ships(self.pick(self.shipping(), number), most, answered=answered)

    @rule(scans=st.booleans())
    def everybody_is_well(self, scans: bool) -> None:
        self.say("everybody is well")
        self.a_good_round(scans=scans)

    @rule(worker_id=st.sampled_from(IDS), room=st.integers(0, 3))
    def worker_joins(self, worker_id: str, room: int) -> None:
        """On its own disk when the process before is dead; else a second machine claims the id."""
        waiting = [worker for worker in self.awake(registered=False) if worker.id == worker_id]
        if waiting:
            self.registers(waiting[0])
            return
        dead = [worker for worker in self.workers if worker.id == worker_id and not worker.alive]
        spool = None
        if dead:
            spool = dead[-1].spool
            self.workers.remove(dead[-1])
        self.registers(self.new_process(worker_id, room, spool))

    @precondition(lambda machine: any(worker.alive for worker in machine.workers))
    @rule(number=which, what=st.sampled_from(["dies", "freezes", "ends in order"]))
    def worker_fails(self, number: int, what: str) -> None:
        """One that is frozen already thaws."""
        worker = self.pick([worker for worker in self.workers if worker.alive], number)
        self.say(f"{worker.label} {'thaws' if worker.frozen else what}")
        if worker.frozen:
            self.thaws(worker)
        elif what == "dies":
            worker.dies()
        elif what == "freezes":
            worker.frozen = True
        else:
            worker.draining = True
            if worker in self.awake() and self.beats(worker):
                self.releases(worker, [worker.halt(session) for session in list(worker.running)])
                self.ships(worker)

    @has_awake
    @rule(number=which)
    def worker_renews_at_the_store(self, number: int) -> None:
        """No replica of the control plane beats here: each worker is alone with the database."""
        worker = self.pick(self.awake(), number)
        assert worker.identity is not None
        owned = self.world.renews(worker.id, worker.identity.incarnation)
        if owned is None:
            return
        worker.deadline = max(worker.deadline, self.world.time + SELF_FENCED)
        for session, client in list(worker.clients.items()):
            if (session, client.epoch) not in owned:
                del worker.clients[session]
        self.say(f"{worker.label} renews its lease past the control plane")

    @has_awake
    @has_sessions
    @rule(number=which, chosen=which, foreign=st.booleans())
    def worker_is_confused(self, number: int, chosen: int, foreign: bool) -> None:
        worker, session = self.pick(self.awake(), number), self.a_session(chosen)
        if foreign:
            self.tells_of_a_foreign_session(worker, session)
        else:
            self.releases_too_late(worker, session)

    def tells_of_a_foreign_session(self, worker: SimulatedWorker, session: str) -> None:
        """At an epoch that another one had, or that nobody had yet."""
        owners = self.look_at().owners.get(session, [])
        foreign = [row["epoch"] for row in owners if row["worker_id"] != worker.id] or [len(owners) + 1]
        name = f"F{self.book.number()}"
        words: tuple[Told, ...] = (message(name), StateSeen(meaning=ENDS[0]))
        events = [
            UplinkEvent(position=place, session_id=session, epoch=foreign[-1], at=0.0, told=told)
            for place, told in enumerate(words, start=1)
        ]
        self.say(f"{worker.label} tells of {session[-4:]} at {foreign[-1]}, which it never had")
        self.world.do(self.calls.ship(worker.id, f"forged-{name}", events))

    def releases_too_late(self, worker: SimulatedWorker, session: str) -> None:
        """For an epoch that is over: nothing moves by it."""
        before = self.look_at().sessions[session]
        late = SeenState(
            id=session, epoch=before["epoch"] - 1, status=SessionState.RECOVERING, reason=Reason.MOVING
        )
        self.say(f"{worker.label} releases {session[-4:]} at {late.epoch}, too late")
        try:
            self.world.do(self.calls.released(worker, [late]))
        except AppError as error:
            self.refused(worker, error)
        after = self.look_at().sessions[session]
        stays = (after["epoch"], after["worker_id"]) == (before["epoch"], before["worker_id"])
        self.demand(stays, "a_stale_release_moves_nothing", f"{before['name']} moved from under its client")
