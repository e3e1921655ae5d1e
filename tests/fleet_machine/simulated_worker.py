"""A worker that exists only in the test: what its process believes, and what its disk holds.

It keeps to the rules of the real agent (worker/agent.py, worker/orders.py, worker/board.py), but does at once
what that one does in tasks, and whether it is alive, frozen or slow is for the machine to say.
"""

from dataclasses import dataclass, field

from control_plane.fleet.tokens import WorkerIdentity
from shared.contracts.fleet import (
    Heartbeat,
    HeartbeatAnswer,
    SeenState,
    StartOrder,
    StopOrder,
    UplinkEvent,
)
from shared.contracts.told import Meaning, StateSeen, Then, Told
from shared.ids import WorkerId
from shared.session_state import Reason, SessionState

_STOPPED = Meaning(SessionState.DISCONNECTED, Reason.REQUESTED, Then.STOP)
_LOGGED_OUT = Meaning(SessionState.LOGGED_OUT, Reason.LOGGED_OUT_BY_USER, Then.FORGET)
_NEVER = float("-inf")


@dataclass(slots=True)
class Client:
    """`position` is that of its end in the spool: until that is shipped, the heartbeat tells of it."""

    epoch: int
    status: SessionState = SessionState.INITIALIZING
    reason: Reason = Reason.STARTING
    device: str | None = None
    ended: bool = False
    position: int | None = None


@dataclass(slots=True)
class Spool:
    """It outlives the process, and the next one on the same machine ships the rest."""

    name: str
    waiting: list[UplinkEvent] = field(default_factory=list)
    last: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A heartbeat on its way; `until` once the lease is renewed."""

    sent: float
    beat: Heartbeat
    until: str


@dataclass(slots=True)
class SimulatedWorker:
    """One process. Several of one id are machines that were given the same name."""

    id: str
    endpoint: str
    capacity: int
    spool: Spool
    alive: bool = True
    frozen: bool = False
    draining: bool = False
    identity: WorkerIdentity | None = None
    deadline: float = _NEVER
    asking: Question | None = None
    clients: dict[str, Client] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.id}/{self.identity.incarnation if self.identity else 'new'}"

    @property
    def awake(self) -> bool:
        return self.alive and not self.frozen

    @property
    def running(self) -> dict[str, Client]:
        return {session: client for session, client in self.clients.items() if not client.ended}

    def registered(self, incarnation: int, deadline: float) -> None:
        self.identity = WorkerIdentity(WorkerId(self.id), incarnation)
        self.deadline = deadline
        self.clients.clear()

    def dies(self) -> None:
        """Its engines end with it; the spool stays on the disk."""
        self.alive = self.frozen = False
        self.asking = None
        self.clients.clear()

    def loses_its_lease(self) -> None:
        """Every client ends, without a word; it has to register anew."""
        self.identity, self.asking, self.deadline = None, None, _NEVER
        self.clients.clear()

    def heartbeat(self) -> Heartbeat:
        assert self.identity is not None
        return Heartbeat(
            incarnation=self.identity.incarnation,
            capacity=self.capacity,
            states=tuple(
                SeenState(id=session, epoch=client.epoch, status=client.status, reason=client.reason)
                for session, client in self.clients.items()
            ),
            spooled=len(self.spool.waiting),
            draining=self.draining,
        )

    def tell(self, session: str, epoch: int, told: Told) -> int:
        self.spool.last += 1
        event = UplinkEvent(position=self.spool.last, session_id=session, epoch=epoch, at=0.0, told=told)
        self.spool.waiting.append(event)
        return self.spool.last

    def sees(self, session: str, meaning: Meaning) -> None:
        """What its client went through: on the board, and into the spool."""
        client = self.clients[session]
        client.status, client.reason = meaning.state, meaning.reason
        client.ended = meaning.then is not Then.GO_ON
        if meaning.then is Then.FORGET:
            client.device = None
        client.position = self.tell(session, client.epoch, StateSeen(meaning=meaning))

    def shipped(self, position: int) -> None:
        self.spool.waiting = [event for event in self.spool.waiting if event.position > position]
        for session, client in list(self.clients.items()):
            if client.ended and client.position is not None and client.position <= position:
                del self.clients[session]

    def obey(self, answer: HeartbeatAnswer, beat: Heartbeat) -> list[SeenState]:
        """What it has stopped so that another one may go on: to be told as released."""
        seen = {(state.id, state.epoch) for state in beat.states or ()}
        for session in answer.lost:
            client = self.clients.get(session)
            if client is not None and (session, client.epoch) in seen:
                del self.clients[session]
        released = []
        for stop in answer.stop:
            if stop.session_id in self.clients or (stop.session_id, stop.epoch) not in seen:
                released += self._stop(stop)
        for start in answer.start:
            if (start.session_id, start.epoch) not in seen:
                self._start(start)
        return released

    def halt(self, session: str) -> SeenState:
        client = self.clients[session]
        client.ended, client.status, client.reason = True, SessionState.RECOVERING, Reason.MOVING
        return SeenState(id=session, epoch=client.epoch, status=client.status, reason=client.reason)

    def forget_released(self, released: list[SeenState]) -> None:
        for state in released:
            client = self.clients.get(state.id)
            if client is not None and client.epoch == state.epoch:
                del self.clients[state.id]

    def _start(self, order: StartOrder) -> None:
        client = self.clients.get(order.session_id)
        if self.draining or (client is not None and client.epoch >= order.epoch):
            return
        self.clients[order.session_id] = Client(order.epoch, device=order.device_jid)

    def _stop(self, order: StopOrder) -> list[SeenState]:
        session, client = order.session_id, self.clients.get(order.session_id)
        if client is not None and client.epoch > order.epoch:
            return []
        if order.hand_over:
            if client is not None and not client.ended:
                return [self.halt(session)]
            epoch = client.epoch if client is not None else order.epoch
            return [SeenState(id=session, epoch=epoch, status=SessionState.RECOVERING, reason=Reason.MOVING)]
        if client is None or not client.ended:
            if client is None or client.epoch < order.epoch:
                self.clients[session] = Client(order.epoch)
            self.sees(session, _LOGGED_OUT if order.log_out else _STOPPED)
        return []
