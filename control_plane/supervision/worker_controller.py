"""The calls of workers. A worker's token reaches nothing but its own sessions."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.engine import Database, SystemSite
from control_plane.errors import AppError, Code, not_found
from control_plane.events.hints import hint
from control_plane.fleet.counters import FleetCounters
from control_plane.fleet.repository import FleetRepository
from control_plane.fleet.tokens import WorkerIdentity, WorkerTokens, join_digests
from control_plane.http.principal import WORKERS, access
from control_plane.keyring import Keyring
from control_plane.messages.receiving.ingest import Ingest
from control_plane.sessions.models import Wanted
from control_plane.sessions.repository import SupervisedSessions
from control_plane.settings import Settings
from control_plane.supervision.heartbeat import answer_heartbeat, demand_present, renew_lease
from control_plane.supervision.nudges import Nudges
from control_plane.supervision.orders import start_order
from control_plane.supervision.probe import Probes
from control_plane.supervision.recovery import place_orphans, take_released
from control_plane.supervision.registration import LeaseTimes, register
from shared.contracts.fleet import (
    Assigned,
    Heartbeat,
    HeartbeatAnswer,
    RecoveryStatus,
    Register,
    Registered,
    Released,
    UplinkAnswer,
    UplinkBatch,
)

AnyRequest = Request[Any, Any, Any]
AnyConnection = ASGIConnection[Any, Any, Any, Any]
_LARGEST_BATCH = 32 * 1024 * 1024
_KEEP_ALIVE = 5.0


def _bearer(connection: AnyConnection) -> str:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unauthorized(expected: str) -> AppError:
    return AppError(
        Code.UNAUTHORIZED,
        f"Send 'Authorization: Bearer <token>', where the token is {expected}.",
        headers={"WWW-Authenticate": 'Bearer realm="waypost"'},
    )


async def demand_join_token(connection: AnyConnection, _handler: BaseRouteHandler) -> None:
    """Before the body is looked at; whether the token is good, the handler asks the database."""
    if not _bearer(connection):
        raise _unauthorized("a join token")


async def demand_worker(connection: AnyConnection, _handler: BaseRouteHandler) -> None:
    """Another worker's address is answered as one that does not exist."""
    tokens: WorkerTokens = connection.app.state.worker_tokens
    who = tokens.identity(_bearer(connection))
    if who is None:
        raise _unauthorized("the worker's own, from its registration")
    if connection.path_params.get("worker_id") != who.worker_id:
        raise not_found("worker")
    connection.scope["state"]["worker"] = who


async def provide_identity(request: AnyRequest) -> WorkerIdentity:
    who: WorkerIdentity = request.scope["state"]["worker"]
    return who


class RegistrationController(Controller):
    tags = ["Workers"]
    opt = access(WORKERS)
    guards = (demand_join_token,)

    @post("/v1/workers/register", status_code=200, summary="A worker joins, or comes back")
    async def register(
        self,
        request: AnyRequest,
        data: JSONBody[Register],
        database: NamedDependency[Database],
        keyring: NamedDependency[Keyring],
        settings: NamedDependency[Settings],
        worker_tokens: NamedDependency[WorkerTokens],
        fleet_counters: NamedDependency[FleetCounters],
    ) -> Registered:
        token = _bearer(request)
        async with fleet_counters.registration(), database.system(SystemSite.WORKERS) as db:
            if not await _may_join(db, token, settings, keyring):
                raise _unauthorized("a join token that is valid now")
            times = LeaseTimes(settings.lease_seconds, settings.heartbeat_seconds)
            registered = await register(db, data, worker_tokens, times)
        # Those that waited for a worker need wait no longer.
        async with database.system(SystemSite.WORKERS) as db:
            await place_orphans(db)
        return registered


class WorkerCallController(Controller):
    path = "/v1/workers/{worker_id:str}"
    tags = ["Workers"]
    opt = access(WORKERS)
    guards = (demand_worker,)
    dependencies = {"who": Provide(provide_identity)}

    @post("/heartbeat", status_code=200, summary="Renews the lease; the answer carries orders")
    async def heartbeat(
        self,
        worker_id: FromPath[str],  # noqa: ARG002 (checked with the identity)
        who: NamedDependency[WorkerIdentity],
        data: JSONBody[Heartbeat],
        database: NamedDependency[Database],
        keyring: NamedDependency[Keyring],
        fleet_counters: NamedDependency[FleetCounters],
    ) -> HeartbeatAnswer:
        async with fleet_counters.heartbeat(), database.system(SystemSite.WORKERS) as db:
            lease_until = await renew_lease(db, who, data)
        for probe in data.probes:
            fleet_counters.probed(probe.probes, probe.unanswered)
        async with database.system(SystemSite.WORKERS) as db:
            return await answer_heartbeat(db, who, data, lease_until, keyring)

    @get("/sessions/assigned", summary="What this worker is to run")
    async def assigned(
        self,
        worker_id: FromPath[str],  # noqa: ARG002
        who: NamedDependency[WorkerIdentity],
        database: NamedDependency[Database],
        keyring: NamedDependency[Keyring],
    ) -> Assigned:
        async with database.system(SystemSite.WORKERS) as db:
            sessions = await SupervisedSessions(db).of_worker(who.worker_id)
            # Looked at afterwards, or what a later process was given would be told to an earlier one.
            await demand_present(db, who)
            return Assigned(
                sessions=tuple(start_order(each, keyring) for each in sessions if each.wanted == Wanted.RUN)
            )

    @post("/sessions/recovery-status", status_code=204, summary="What became of its sessions after a restart")
    async def recovery_status(
        self,
        worker_id: FromPath[str],  # noqa: ARG002
        who: NamedDependency[WorkerIdentity],
        data: JSONBody[RecoveryStatus],
        database: NamedDependency[Database],
    ) -> None:
        restored = sum(result.status == "restored" for result in data.results)
        async with database.system(SystemSite.WORKERS) as db:
            FleetRepository(db).note(
                who.worker_id, "recovered", restored=restored, failed=len(data.results) - restored
            )

    @post("/sessions/released", status_code=204, summary="Clients that are stopped: others may run them")
    async def released(
        self,
        worker_id: FromPath[str],  # noqa: ARG002
        who: NamedDependency[WorkerIdentity],
        data: JSONBody[Released],
        database: NamedDependency[Database],
    ) -> None:
        async with database.system(SystemSite.WORKERS) as db:
            await demand_present(db, who)
            await take_released(db, who.worker_id, data)

    @post(
        "/events",
        status_code=200,
        request_max_body_size=_LARGEST_BATCH,
        summary="What its sessions told, in order; once, however often it is sent",
    )
    async def events(
        self,
        worker_id: FromPath[str],  # noqa: ARG002
        who: NamedDependency[WorkerIdentity],
        data: JSONBody[UplinkBatch],
        database: NamedDependency[Database],
        redis: NamedDependency[Redis],
    ) -> UplinkAnswer:
        async with database.system(SystemSite.INGEST) as db:
            position = await Ingest(db, who.worker_id).take(data)
        hint(redis)
        return UplinkAnswer(position=position)

    @get(
        "/stream",
        summary="Kept open; a word on it asks for a heartbeat",
        media_type="text/event-stream",
    )
    async def stream(
        self,
        worker_id: FromPath[str],  # noqa: ARG002
        who: NamedDependency[WorkerIdentity],
        nudges: NamedDependency[Nudges],
        probes: NamedDependency[Probes],
    ) -> Response[Any]:
        return Stream(_stream(who, nudges, probes), media_type="text/event-stream")


async def _stream(who: WorkerIdentity, nudges: Nudges, probes: Probes) -> AsyncIterator[bytes]:
    async with nudges.stream(who.worker_id, lambda: probes.stream_ended(who)) as nudged:
        probes.stream_began(who)
        yield b": here\n\n"
        while not nudges.closing.is_set():
            try:
                async with asyncio.timeout(_KEEP_ALIVE):
                    await nudged.wait()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            nudged.clear()
            if not nudges.closing.is_set():
                yield b"data: beat\n\n"


async def _may_join(db: AsyncSession, token: str, settings: Settings, keyring: Keyring) -> bool:
    if not token or len(token) > 512:
        return False
    if any(hmac.compare_digest(known.reveal().encode(), token.encode()) for known in settings.join_tokens):
        return True
    fleet = FleetRepository(db)
    found = await fleet.join_token(join_digests(keyring, token))
    now = await fleet.now()
    if found is None or (found.expires_at is not None and found.expires_at <= now):
        return False
    found.last_used_at = now
    return True
