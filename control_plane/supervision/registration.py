"""A worker joins, or comes back: its earlier incarnation ends, and the epochs of all its sessions rise."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code
from control_plane.fleet.models import Worker
from control_plane.fleet.tokens import WorkerTokens
from control_plane.sessions.models import Wanted
from control_plane.supervision.assignment import Assignments
from shared.contracts.fleet import Register, Registered
from shared.ids import normalise_name
from shared.session_state import Reason, SessionState

log = structlog.get_logger(__name__)

# Words that stand where an id could stand in an address.
RESERVED = frozenset(
    {"statistics", "health-check", "register", "placement", "join-tokens", "commands", "events", "all"}
)
_MOST_CAPACITY = 100_000


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Settings, so that tests run them short."""

    lease: float
    heartbeat: float


def checked_worker_id(given: str) -> str:
    name = normalise_name(given)
    if name is None or name in RESERVED:
        why = "is a reserved word" if name is not None else "must be 1 to 50 letters, digits and hyphens"
        raise AppError(
            Code.INVALID_ID,
            f"The worker id {given[:60]!r} {why}.",
            errors=[{"pointer": "/workerId", "detail": why}],
        )
    return name


def checked_endpoint(given: str) -> str:
    try:
        parts = urlsplit(given)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query
        _ = parts.port
    except ValueError:
        good = False
    if not good or len(given) > 300:
        raise AppError(
            Code.VALIDATION_FAILED,
            "The endpoint must be an address like http://10.0.0.5:9100.",
            errors=[{"pointer": "/endpoint", "detail": "is no http address"}],
        )
    return given.rstrip("/").lower()


async def register(db: AsyncSession, body: Register, tokens: WorkerTokens, times: LeaseTimes) -> Registered:
    worker_id, endpoint = checked_worker_id(body.worker_id), checked_endpoint(body.endpoint)
    if not 0 <= body.capacity <= _MOST_CAPACITY:
        raise AppError(Code.VALIDATION_FAILED, f"The capacity must be from 0 to {_MOST_CAPACITY}.")
    assignments = Assignments(db)
    now = await assignments.begin()
    if await assignments.fleet.at_endpoint(endpoint, worker_id) is not None:
        raise AppError(
            Code.DUPLICATE_ENDPOINT,
            "Another worker that is alive has this endpoint. Give this one an address of its own"
            " (WAYPOST_WORKER_ENDPOINT).",
        )
    worker = await assignments.fleet.worker(worker_id, lock=True)
    if worker is None:
        before = await assignments.fleet.last_incarnation(worker_id)
        worker = Worker(id=worker_id, incarnation=before, restarts=0, labels={})
        db.add(worker)
    elif worker.registered_at is not None:
        worker.restarts += 1
    worker.endpoint, worker.version, worker.environment = endpoint, body.version[:100], body.environment[:100]
    worker.capacity, worker.labels = body.capacity, body.labels | worker.labels
    worker.store, worker.sandbox = body.store, body.sandbox
    worker.incarnation += 1
    worker.token_key_id = tokens.key_id
    worker.lease_seconds = times.lease
    worker.lease_until = now + timedelta(seconds=times.lease)
    worker.registered_at = worker.heartbeat_at = now
    worker.retired_at = worker.retired_reason = None
    worker.draining = bool(worker.drain_wanted)
    await db.flush()
    count = await _take_back(assignments, worker)
    assignments.fleet.note(worker_id, "registered", incarnation=worker.incarnation, sessions=count)
    log.info("worker_registered", worker_id=worker_id, incarnation=worker.incarnation, sessions=count)
    return Registered(
        worker_id=worker_id,
        token=tokens.token(worker_id, worker.incarnation, worker.token_key_id),
        incarnation=worker.incarnation,
        recovery_required=count > 0,
        assigned_session_count=count,
        heartbeat_interval=times.heartbeat,
        lease_seconds=times.lease,
    )


async def _take_back(assignments: Assignments, worker: Worker) -> int:
    """Its own sessions, at new epochs: what its earlier incarnation may still run is fenced off."""
    count = 0
    for session in await assignments.sessions.of_worker(worker.id, lock=True):
        if session.wanted == Wanted.RUN:
            await assignments.assign(session, worker, SessionState.RECOVERING, Reason.WORKER_RESTARTED)
            count += 1
    return count
