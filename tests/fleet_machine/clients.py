"""What happens to clients: their workers tell of it, sooner or later."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.contracts.fleet import UplinkEvent
from shared.contracts.told import CallSeen, Meaning, QrShown, Then
from shared.session_state import Reason, SessionState
from tests.fleet_machine.machine import which
from tests.fleet_machine.simulated_worker import SimulatedWorker
from tests.fleet_machine.steps import Steps
from tests.fleet_machine.words import ENDS, GOES_ON, PEER, message

has_clients = precondition(lambda machine: machine.clients())


class Clients(Steps):
    @has_clients
    @rule(number=which, meaning=st.sampled_from([*GOES_ON, *GOES_ON, *ENDS]))
    def client_sees(self, number: int, meaning: Meaning) -> None:
        worker, session = self.a_client(number)
        if meaning.then is Then.FORGET:
            self.book.forgotten.add(session)
        worker.sees(session, meaning)
        self.say(f"{worker.label} sees {session[-4:]} {meaning.state} ({meaning.reason})")

    @has_clients
    @rule(number=which, what=st.sampled_from(["code", "scan"]))
    def client_pairs(self, number: int, what: str) -> None:
        worker, session = self.a_client(number)
        if what == "code":
            self.shows_a_code(worker, session)
        elif self.scans(worker, session):
            self.say(f"{worker.label} connects {session[-4:]}")

    @has_clients
    @rule(number=which, what=st.sampled_from(["message", "the last message again", "call"]))
    def client_hears(self, number: int, what: str) -> None:
        """Again: the network has not heard that an earlier client has it."""
        worker, session = self.a_client(number)
        epoch = worker.running[session].epoch
        self.say(f"{worker.label} hears for {session[-4:]} at {epoch}: {what}")
        if what == "call":
            told = CallSeen(call_id=f"C{self.book.number()}", sender=PEER, state="offered", timestamp=0)
            worker.tell(session, epoch, told)
            return
        known = self.book.sent.setdefault(session, [])
        if what == "message" or not known:
            known.append(f"M{self.book.number()}")
        worker.tell(session, epoch, message(known[-1]))

    @has_clients
    @rule(number=which)
    def client_writes(self, number: int) -> None:
        """Straight into the store, past the fence."""
        worker, session = self.a_client(number)
        self.writes(worker, session)

    def shows_a_code(self, worker: SimulatedWorker, session: str) -> None:
        client = worker.running[session]
        if client.device is not None:
            return
        client.status, client.reason = SessionState.QR_PENDING, Reason.WAITING_FOR_SCAN
        told = QrShown(code="2@code", number=1, seconds=20)
        event = UplinkEvent(position=0, session_id=session, epoch=client.epoch, at=0.0, told=told)
        self.world.do(self.calls.ship(worker.id, worker.spool.name, [event]))
        self.say(f"{worker.label} shows a code for {session[-4:]}")
