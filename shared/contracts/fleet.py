"""What workers and the control plane say to each other. Camel case on the wire, like everything there."""

from enum import StrEnum

import msgspec

from shared.contracts.told import Told
from shared.contracts.wire import Wire
from shared.session_state import Counted, Reason, SessionState


class StoreKind(StrEnum):
    """Where a worker keeps credentials: in the shared database, or in files that no other worker has."""

    POSTGRES = "postgres"
    SQLITE = "sqlite"


# ---- registration ----


class Register(Wire, frozen=True, kw_only=True):
    """`endpoint` is where the control plane reaches the worker."""

    worker_id: str
    endpoint: str
    version: str
    environment: str = "production"
    capacity: int = 100
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    store: StoreKind = StoreKind.POSTGRES
    # Whether it can run sessions of the emulated network.
    sandbox: bool = False


class Registered(Wire, frozen=True, kw_only=True):
    """`token` is for this incarnation only; the next registration under the same id ends it."""

    worker_id: str
    token: str
    incarnation: int
    recovery_required: bool
    assigned_session_count: int
    heartbeat_interval: float
    lease_seconds: float


# ---- heartbeat ----


class SeenState(Wire, frozen=True, kw_only=True):
    """A session that the worker runs, or whose end the control plane has not confirmed yet."""

    id: str
    epoch: int
    status: SessionState
    reason: Reason | None = None


class SessionCounts(Wire, frozen=True, kw_only=True):
    total: int = 0
    connected: int = 0
    disconnected: int = 0
    qr_required: int = msgspec.field(default=0, name="qr_required")
    error: int = 0

    @classmethod
    def of(cls, counted: list[Counted]) -> "SessionCounts":
        numbers = {kind.value: counted.count(kind) for kind in Counted}
        return cls(total=len(counted), **numbers)


class SeenProbe(Wire, frozen=True, kw_only=True):
    """Since the last heartbeat: how often the network was asked, how often in vain, and how fast it is."""

    id: str
    epoch: int
    probes: int = 1
    unanswered: int = 0
    milliseconds: float = 0.0

    @property
    def answered(self) -> bool:
        return self.unanswered < self.probes


class Heartbeat(Wire, frozen=True, kw_only=True):
    """Without `states` it renews the lease and nothing else, as the old form with `sessionCount` did."""

    incarnation: int
    cpu: float = 0.0
    memory: float = 0.0
    uptime: float = 0.0
    version: str | None = None
    environment: str | None = None
    capacity: int | None = None
    sessions: SessionCounts | None = None
    session_count: int | None = None
    states: tuple[SeenState, ...] | None = None
    probes: tuple[SeenProbe, ...] = ()
    # Events that have not been shipped yet: while there are some, they are newer than any state here.
    spooled: int = 0
    # Its owner has asked it to end: it takes no new sessions and hands over those that it has.
    draining: bool = False


class StartOrder(Wire, frozen=True, kw_only=True):
    """Without a device it pairs a new one: by QR, or by a code for `pairing_phone`."""

    session_id: str
    epoch: int
    sandbox: bool
    device_jid: str | None
    device_name: str
    proxy: str | None = None
    pairing_phone: str | None = None


class StopOrder(Wire, frozen=True, kw_only=True):
    """`log_out` drops the credentials as well; `hand_over`: tell when it is stopped, another one waits."""

    session_id: str
    epoch: int
    log_out: bool = False
    hand_over: bool = False


class HeartbeatAnswer(Wire, frozen=True, kw_only=True):
    """`lost`: another worker owns these now. Level-triggered: what was missed is said again."""

    lease_until: str
    start: tuple[StartOrder, ...] = ()
    stop: tuple[StopOrder, ...] = ()
    lost: tuple[str, ...] = ()


# ---- recovery and hand-over ----


class Assigned(Wire, frozen=True, kw_only=True):
    sessions: tuple[StartOrder, ...]


class RecoveryResult(Wire, frozen=True, kw_only=True):
    """`status` is restored or failed."""

    session_id: str
    epoch: int
    status: str
    error: str | None = None


class RecoveryStatus(Wire, frozen=True, kw_only=True):
    results: tuple[RecoveryResult, ...]


class Released(Wire, frozen=True, kw_only=True):
    """These clients are stopped and their connections closed: another worker may start them."""

    incarnation: int
    sessions: tuple[SeenState, ...]


# ---- uplink ----


class UplinkEvent(Wire, frozen=True, kw_only=True):
    """`position` rises within one spool and never comes back; 0 for what is told once and not kept."""

    position: int
    session_id: str
    epoch: int
    at: float
    told: Told


class UplinkBatch(Wire, frozen=True, kw_only=True):
    """In the order of their positions. A batch that is sent again changes nothing."""

    spool: str
    events: tuple[UplinkEvent, ...]


class UplinkAnswer(Wire, frozen=True, kw_only=True):
    """Up to here everything is stored, for ever: the spool may forget it."""

    position: int
