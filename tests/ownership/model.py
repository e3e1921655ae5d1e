"""A model, not the product: who may run a session, as states and actions small enough to be explored whole.

It models the ownership section of the design. The database holds one lease row for each worker id, the epoch
and the fence of each session, and who owned which epoch. Hosts run an agent and engines, each engine with its
epoch and the deadline it ends itself at, counted from the moment the renewal was sent. The control plane
sweeps, brakes, places and takes over. Links break, messages are delayed or lost, hosts freeze and die.

Time is a number that only the action `tick` raises. What a host does of its own within an instant happens at
the tick: engines past their deadline end, engines without their agent end. Before that tick a thawed engine
may still write or reconnect, because the client library does so without asking for leave; that is what the
fence and the rule for StreamReplaced are for.

Not modelled: a command that had passed its check when its host froze, a batch that grows while it is being
shipped, several replicas of the control plane, clocks that run at different speeds, SQLite sessions, pairing.

`law.py` holds each decision by itself, so that tests can plant a fault by replacing one. `database.py` holds
the transactions, `fleet.py` what hosts and the network do, `actions.py` the table.
"""

from dataclasses import dataclass, field, replace
from typing import Any

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings; one unit of time is three seconds, so that a beat is 1, a lease 5, self-fencing 4."""

    self_fence: int = 4
    lease: int = 5
    silent_after: int = 3
    api_silence: int = 2
    direct_window: int = 20
    brake: int = 20
    idle_in_transaction: int = 2
    young: int = 20
    restarts: int = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A worker id in the database."""

    incarnation: int = 0
    host: int = NOBODY
    lease_until: int = 0
    renewed: int = 0
    beaten: int = 0
    swept: bool = True


@dataclass(frozen=True, slots=True)
class Session:
    worker: int = NOBODY
    epoch: int = 0
    fence: int = 0
    assigned: int = 0
    wanted: bool = True
    moving: bool = False
    stopped: bool = False
    seen: int = 0
    restarts: int = 0
    replaced: bool = False
    owners: tuple[int, ...] = ()
    applied: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """An open store transaction that holds the fence row for share."""

    session: int
    host: int
    epoch: int
    since: int


@dataclass(frozen=True, slots=True)
class Engine:
    session: int
    epoch: int
    incarnation: int
    deadline: int
    online: bool = True


@dataclass(frozen=True, slots=True)
class Beat:
    sent: int
    incarnation: int
    running: tuple[tuple[int, int], ...]
    replaced: tuple[tuple[int, int], ...] = ()
    direct: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """No orders at all means: you are not the worker of this id any more."""

    sent: int
    incarnation: int
    orders: tuple[tuple[int, int], ...] | None
    told_replaced: tuple[tuple[int, int], ...] = ()
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    row: int
    alive: bool = True
    incarnation: int = 0
    deadline: int = 0
    frozen: bool = False
    link: bool = True
    store: bool = True
    engines: tuple[Engine, ...] = ()
    spool: tuple[tuple[int, int, int], ...] = ()
    asking: Beat | None = None
    answer: Answer | None = None
    replaced: tuple[tuple[int, int], ...] = ()

    def engine(self, session: int) -> Engine | None:
        return next((engine for engine in self.engines if engine.session == session), None)

    def may_command(self, engine: Engine, clock: int) -> bool:
        """The check that stands before every command to WhatsApp."""
        return not self.frozen and clock < engine.deadline


@dataclass(frozen=True, slots=True)
class ControlPlane:
    up: bool = True
    since: int = 0
    beat: int = 0
    looked: tuple[tuple[int, int], ...] = ()
    proofs: tuple[tuple[int, int, int], ...] = ()
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class State:
    clock: int
    rows: tuple[Row, ...]
    sessions: tuple[Session, ...]
    hosts: tuple[Host, ...]
    control: ControlPlane = ControlPlane()
    holds: tuple[Hold, ...] = ()
    told: tuple[tuple[int, int, int], ...] = ()
    # How many more disturbances may come: bounds the exploration, known to nobody in the model.
    disturbances: int = 1_000
    outcome: str = field(default="", compare=False)


def with_row(state: State, index: int, **changes: Any) -> State:
    rows = state.rows
    return replace(state, rows=(*rows[:index], replace(rows[index], **changes), *rows[index + 1 :]))


def with_session(state: State, index: int, **changes: Any) -> State:
    sessions = state.sessions
    changed = replace(sessions[index], **changes)
    return replace(state, sessions=(*sessions[:index], changed, *sessions[index + 1 :]))


def with_host(state: State, index: int, **changes: Any) -> State:
    hosts = state.hosts
    return replace(state, hosts=(*hosts[:index], replace(hosts[index], **changes), *hosts[index + 1 :]))


def with_control(state: State, **changes: Any) -> State:
    return replace(state, control=replace(state.control, **changes))


def fleet(host_rows: tuple[int, ...], sessions: int = 1, disturbances: int = 1_000) -> State:
    """Hosts that are up and unknown yet; two hosts of one row are two machines that claim one worker id."""
    return State(
        clock=0,
        rows=tuple(Row() for _ in range(max(host_rows) + 1)),
        sessions=tuple(Session() for _ in range(sessions)),
        hosts=tuple(Host(row) for row in host_rows),
        disturbances=disturbances,
    )
