"""What workers do in several rules: they register, beat, obey, ship."""

from control_plane.errors import AppError, Code
from shared.contracts.fleet import SeenState, UplinkEvent
from shared.session_state import SessionState
from tests.fleet_machine.machine import SELF_FENCED, FleetMachine
from tests.fleet_machine.simulated_worker import SimulatedWorker, Spool
from tests.fleet_machine.snapshot import Snapshot
from tests.fleet_machine.words import GOES_ON, paired

# Only its present owner may change these.
_STATE = ("status", "reason", "wanted", "epoch", "worker_id", "device_jid", "start_after")


class WorkerSteps(FleetMachine):
    def scans(self, worker: SimulatedWorker, session: str) -> bool:
        """A phone: the credentials are in the store before anybody hears of them."""
        client = worker.running[session]
        if client.device is None:
            if not self.world.writes(session, client.epoch):
                return False
            client.device = f"49{self.book.number()}:1@s.whatsapp.net"
            client.position = worker.tell(session, client.epoch, paired(client.device))
        worker.sees(session, GOES_ON[0])
        return True

    def writes(self, worker: SimulatedWorker, session: str) -> None:
        epoch = worker.running[session].epoch
        owns = self.look_at().owns(session, epoch)
        written = self.world.writes(session, epoch)
        words = f"{worker.label} wrote for {session[-4:]} at {epoch}: {written}; it owns it: {owns}"
        self.demand(written == owns, "the_store_takes_only_the_owner", words)

    def new_process(self, worker_id: str, room: int, spool: Spool | None = None) -> SimulatedWorker:
        number = self.book.number()
        endpoint = f"http://10.9.8.7:{20_000 + number}"
        fresh = SimulatedWorker(worker_id, endpoint, room, spool or Spool(f"spool-{number}"))
        self.workers.append(fresh)
        return fresh

    def registers(self, worker: SimulatedWorker) -> None:
        answer = self.world.do(self.calls.register(worker))
        worker.registered(answer.incarnation, self.world.time + SELF_FENCED)
        self.say(f"{worker.label} registers with room for {worker.capacity}")

    def a_good_round(self, *, scans: bool = True) -> None:
        """Without trouble: orders are carried out, and clients connect."""
        for worker in self.awake():
            self.ships(worker)
            if worker.identity is None or not self.beats(worker):
                continue
            for session, client in list(worker.running.items()):
                if client.status is not SessionState.CONNECTED and (scans or client.device is not None):
                    self.scans(worker, session)
            self.ships(worker)

    def thaws(self, worker: SimulatedWorker) -> None:
        """What it still writes before it looks at the clock meets the fence."""
        worker.frozen = False
        if self.world.time >= worker.deadline:
            for session in list(worker.running):
                self.writes(worker, session)
            worker.loses_its_lease()

    def beats(self, worker: SimulatedWorker) -> bool:
        """The whole way: false when it is refused."""
        if self.asks(worker):
            self.hears(worker)
        return worker.identity is not None and worker.alive

    def asks(self, worker: SimulatedWorker) -> bool:
        try:
            worker.asking = self.world.do(self.calls.renew(worker, self.world.time))
        except AppError as error:
            self.refused(worker, error)
            return False
        return True

    def hears(self, worker: SimulatedWorker, *, lost: bool = False) -> None:
        question, worker.asking = worker.asking, None
        assert question is not None
        try:
            answer = self.world.do(self.calls.answer(worker, question))
        except AppError as error:
            self.refused(worker, error)
            return
        deadline = max(worker.deadline, question.sent + SELF_FENCED)
        if lost or self.world.time >= deadline:
            self.say(f"{worker.label} does not hear the answer to its heartbeat")
            return
        worker.deadline = deadline
        orders = [("start", order.session_id, order.epoch) for order in answer.start]
        orders += [("stop", order.session_id, order.epoch) for order in answer.stop]
        orders += [("lost", session, 0) for session in answer.lost]
        self.say(f"{worker.label} beats: {[(what, name[-4:], epoch) for what, name, epoch in orders]}")
        if not worker.draining:
            self.releases(worker, worker.obey(answer, question.beat))

    def releases(self, worker: SimulatedWorker, stopped: list[SeenState]) -> None:
        if not stopped:
            return
        try:
            self.world.do(self.calls.released(worker, stopped))
        except AppError as error:
            self.refused(worker, error)
            return
        worker.forget_released(stopped)
        self.say(f"{worker.label} has released {[(state.id[-4:], state.epoch) for state in stopped]}")

    def refused(self, worker: SimulatedWorker, error: AppError) -> None:
        self.say(f"{worker.label} is told: {error.code.code}")
        if error.code is Code.INCARNATION_REPLACED:
            worker.dies()
        elif error.code is Code.INCARNATION_RETIRED:
            worker.loses_its_lease()
        else:
            raise error

    def ships(self, worker: SimulatedWorker, most: int = 100, *, answered: bool = True) -> None:
        events = worker.spool.waiting[:most]
        if not events:
            return
        before = self.look_at()
        position = self.world.do(self.calls.ship(worker.id, worker.spool.name, events))
        self.book.delivered(f"{worker.id}/{worker.spool.name}", events)
        told = [(event.session_id[-4:], event.epoch, type(event.told).__name__) for event in events]
        self.say(f"{worker.label} ships {told}" + ", and does not hear that it came" * (not answered))
        self.a_stale_report_changes_nothing(before, events)
        self.world.stretch_pauses()
        if answered:
            worker.shipped(position)

    def a_stale_report_changes_nothing(self, before: Snapshot, events: list[UplinkEvent]) -> None:
        after = self.look_at()
        for session in {event.session_id for event in events} & set(before.sessions):
            row = before.sessions[session]
            epochs = {event.epoch for event in events if event.session_id == session}
            same = all(row[name] == after.sessions[session][name] for name in _STATE)
            words = f"epochs {epochs} changed {row['name']}, which is at {row['epoch']}"
            self.demand(same or row["epoch"] in epochs, "a_stale_report_changes_nothing", words)
