"""Every worker is asked now, all at the same time: whether it is there, or to start its clients anew."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.repository import FleetRepository
from control_plane.fleet.worker_client import Address, Trouble, WorkerClient, WorkerTrouble
from control_plane.supervision.fleet_schemas import (
    HealthCheckView,
    HealthSummary,
    WorkerResult,
    WorkerState,
    state_of,
)

log = structlog.get_logger(__name__)

_AT_ONCE = 64
_NOT_ASKED = "offline"
# What it answered, in words.
Question = Callable[[Address], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class _Seen:
    address: Address
    state: WorkerState


async def check_health(database: Database, client: WorkerClient) -> HealthCheckView:
    async def question(address: Address) -> str:
        standing = await client.standing(address)
        if (standing.worker_id, standing.incarnation) != (address.worker_id, address.incarnation):
            raise WorkerTrouble(Trouble.BAD_ANSWER, sent=True)
        return "it answers"

    results = await _ask_all(database, question)
    healthy = sum(result.ok for result in results)
    offline = sum(result.trouble == _NOT_ASKED for result in results)
    summary = HealthSummary(
        workers=len(results),
        healthy=healthy,
        offline=offline,
        unhealthy=len(results) - healthy - offline,
    )
    log.info("health_check_complete", **msgspec.structs.asdict(summary))
    return HealthCheckView(summary=summary, results=results)


async def reload_all(database: Database, client: WorkerClient) -> list[WorkerResult]:
    async def question(address: Address) -> str:
        begun = await client.reload(address)
        return f"it starts {begun.sessions} sessions anew, one after the other"

    return await _ask_all(database, question)


async def _ask_all(database: Database, question: Question) -> list[WorkerResult]:
    """No transaction is open while workers are asked."""
    async with database.system(SystemSite.ADMIN) as db:
        fleet = FleetRepository(db)
        now = await fleet.now()
        seen = [_Seen(Address.of(worker), state_of(worker, now)) for worker in await fleet.workers()]
    lines = asyncio.Semaphore(_AT_ONCE)
    return list(await asyncio.gather(*(_asked(question, each, lines) for each in seen)))


async def _asked(question: Question, seen: _Seen, lines: asyncio.Semaphore) -> WorkerResult:
    if seen.state is WorkerState.OFFLINE:
        return _result(seen, _NOT_ASKED, "its lease is over, so it was not asked")
    try:
        async with lines:
            words = await question(seen.address)
    except WorkerTrouble as error:
        return _result(seen, error.trouble, str(error))
    return _result(seen, "", words)


def _result(seen: _Seen, trouble: str, detail: str) -> WorkerResult:
    return WorkerResult(
        worker_id=seen.address.worker_id, ok=not trouble, state=seen.state, trouble=trouble, detail=detail
    )
