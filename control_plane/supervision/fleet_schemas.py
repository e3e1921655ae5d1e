"""What administrators see of the fleet and change in it; no answer ever holds a worker's token."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from control_plane.accounts.schemas import Answer, Body, Name
from control_plane.fleet.models import FleetEvent, JoinToken, Repair, Worker
from control_plane.fleet.placement import Score
from control_plane.sessions.schemas import Labels
from control_plane.supervision.assignment import is_live
from shared.ids import public_id

Capacity = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Weight = Annotated[float, msgspec.Meta(ge=0, le=100)]


class WorkerState(StrEnum):
    ONLINE = "online"
    DRAINING = "draining"
    OFFLINE = "offline"


class FleetCommand(StrEnum):
    HEALTH = "health"
    DRAIN = "drain"
    RESUME = "resume"
    RELOAD = "reload"


class AnnounceWorkerBody(Body):
    """A worker before it comes; its registration brings the rest."""

    id: Annotated[str, msgspec.Meta(max_length=200)]
    endpoint: str | None = None
    capacity_override: Capacity | None = None
    weight: Weight = 1.0
    labels: Labels = msgspec.field(default_factory=dict)


class ChangeWorkerBody(Body):
    """What is left out stays as it is; a `capacityOverride` of null lets the worker's own count again."""

    capacity_override: Capacity | msgspec.UnsetType | None = msgspec.UNSET
    weight: Weight | msgspec.UnsetType = msgspec.UNSET
    labels: Labels | msgspec.UnsetType = msgspec.UNSET


class CommandBody(Body):
    command: FleetCommand


class RotateBody(Body):
    """Without a `count`, all that can move do."""

    count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None


class MoveBody(Body):
    """Without a `workerId`, whoever is best takes it."""

    worker_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class MovingView(Answer):
    """It goes as soon as its client has stopped; `movingTo` is null where that is chosen then."""

    session_id: str
    worker_id: str
    moving_to: str | None


class CreateJoinTokenBody(Body):
    name: Name
    expires_at: datetime | None = None


class WorkerView(Answer):
    """`assigned` is what the control plane gave it, `counts` what it last said of itself."""

    id: str
    endpoint: str
    state: WorkerState
    version: str
    environment: str
    store: str
    sandbox: bool
    capacity: int
    capacity_override: int | None
    weight: float
    labels: dict[str, str]
    assigned: int
    counts: dict[str, int]
    cpu: float
    memory: float
    uptime: float
    incarnation: int
    lease_until: datetime | None
    heartbeat_at: datetime | None
    registered_at: datetime | None
    restarts: int
    failures: int
    retired_reason: str | None

    @classmethod
    def of(cls, worker: Worker, assigned: int, now: datetime) -> "WorkerView":
        same = {name: getattr(worker, name) for name in cls.__struct_fields__ if name not in _COMPUTED}
        return cls(state=state_of(worker, now), assigned=assigned, **same)


_COMPUTED = frozenset({"state", "assigned"})


class FleetView(Answer):
    items: list[WorkerView]


class DrainedView(Answer):
    """`staying`: sessions that no other worker can take now. They run on; ask again when there is room."""

    worker: WorkerView
    moving: int
    staying: int


class RepairView(Answer):
    kind: str
    count: int
    last_at: datetime

    @classmethod
    def of(cls, repair: Repair) -> "RepairView":
        return cls(kind=repair.kind, count=repair.count, last_at=repair.last_at)


class Spread(Answer):
    """How full the least and the most loaded worker are that take sessions, as shares of their capacity."""

    least: float
    most: float
    difference: float


class FleetStatistics(Answer):
    workers: dict[str, int]
    sessions: dict[str, int]
    capacity: int
    used: int
    restarts: int
    failures: int
    spread: Spread
    repairs: list[RepairView]


class WorkerResult(Answer):
    """`trouble` is a stable code, empty where all is well; `detail` says it in words."""

    worker_id: str
    ok: bool
    state: WorkerState
    trouble: str
    detail: str


class HealthSummary(Answer):
    workers: int
    healthy: int
    unhealthy: int
    offline: int


class HealthCheckView(Answer):
    summary: HealthSummary
    results: list[WorkerResult]


class CommandView(Answer):
    command: FleetCommand
    results: list[WorkerResult]


class PlacementView(Answer):
    """`scores` is empty unless it was asked for."""

    worker_id: str | None
    weights: dict[str, float]
    scores: list[Score]


class FleetEventView(Answer):
    id: str
    kind: str
    details: dict[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, event: FleetEvent) -> "FleetEventView":
        return cls(
            id=public_id("fev", event.id),
            kind=event.kind,
            details=event.details,
            created_at=event.created_at,
        )


class JoinTokenView(Answer):
    id: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, token: JoinToken) -> "JoinTokenView":
        return cls(**_shown(token))


class CreatedJoinToken(JoinTokenView):
    """The only answer that ever holds the token."""

    token: str | None

    @classmethod
    def with_token(cls, token: JoinToken, whole: str) -> "CreatedJoinToken":
        return cls(token=whole, **_shown(token))


def state_of(worker: Worker, now: datetime) -> WorkerState:
    if not is_live(worker, now):
        return WorkerState.OFFLINE
    return WorkerState.DRAINING if worker.draining else WorkerState.ONLINE


def _shown(token: JoinToken) -> dict[str, Any]:
    return {
        "id": public_id("join", token.id),
        "name": token.name,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    }
