"""What administrators do with workers."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code, not_found
from control_plane.fleet.models import FleetEvent, Worker
from control_plane.fleet.placement import WEIGHTS
from control_plane.sessions.models import Session, Wanted
from control_plane.supervision import draining, rotation
from control_plane.supervision.assignment import Assignments, is_live
from control_plane.supervision.fleet_numbers import FleetNumbers
from control_plane.supervision.fleet_schemas import (
    AnnounceWorkerBody,
    ChangeWorkerBody,
    DrainedView,
    FleetCommand,
    FleetStatistics,
    FleetView,
    MovingView,
    PlacementView,
    RepairView,
    Spread,
    WorkerResult,
    WorkerState,
    WorkerView,
    state_of,
)
from control_plane.supervision.recovery import take_over
from control_plane.supervision.registration import RESERVED, checked_endpoint, checked_worker_id
from shared.contracts.fleet import StoreKind
from shared.ids import normalise_name, parse_public_id, public_id

log = structlog.get_logger(__name__)


class FleetAdministration:
    def __init__(self, db: AsyncSession) -> None:
        self._db = db
        self._assignments = Assignments(db)
        self._fleet = self._assignments.fleet

    async def all(self) -> FleetView:
        counts = await self._assignments.sessions.assigned_counts()
        now = await self._fleet.now()
        workers = await self._fleet.workers()
        return FleetView(items=[WorkerView.of(each, counts.get(each.id, 0), now) for each in workers])

    async def view(self, given: str) -> WorkerView:
        return await self._shown(await self._worker(given))

    async def announce(self, body: AnnounceWorkerBody) -> WorkerView:
        worker_id = _new_id(body.id)
        await self._assignments.begin()
        if await self._fleet.worker(worker_id) is not None:
            raise AppError(
                Code.WORKER_ID_TAKEN,
                f"There is a worker {worker_id} already. Change it with PUT /v1/workers/{worker_id}.",
                errors=[{"pointer": "/id", "detail": "is taken"}],
            )
        endpoint = checked_endpoint(body.endpoint) if body.endpoint is not None else ""
        if endpoint and await self._fleet.at_endpoint(endpoint, worker_id) is not None:
            raise AppError(Code.DUPLICATE_ENDPOINT, "Another worker that is alive has this endpoint.")
        worker = Worker(
            id=worker_id,
            endpoint=endpoint,
            capacity_override=body.capacity_override,
            weight=body.weight,
            labels=body.labels,
            incarnation=await self._fleet.last_incarnation(worker_id),
        )
        self._db.add(worker)
        self._fleet.note(worker_id, "announced")
        await self._db.flush()
        await self._db.refresh(worker)
        return await self._shown(worker)

    async def change(self, given: str, body: ChangeWorkerBody) -> WorkerView:
        worker = await self._worker(given, lock=True)
        if body.capacity_override is not msgspec.UNSET:
            worker.capacity_override = body.capacity_override
        if body.weight is not msgspec.UNSET:
            worker.weight = body.weight
        if body.labels is not msgspec.UNSET:
            worker.labels = body.labels
        changes = msgspec.to_builtins(body)
        self._fleet.note(worker.id, "changed", **changes)
        await self._db.flush()
        log.info("worker_changed", worker_id=worker.id, fields=sorted(changes))
        return await self._shown(worker)

    async def delete(self, given: str, *, force: bool) -> None:
        now = await self._assignments.begin()
        worker = await self._worker(given, lock=True)
        live = is_live(worker, now)
        sessions = await self._assignments.sessions.of_worker(worker.id)
        held = [each for each in sessions if live or _needs_it(each)]
        if held and not force:
            raise AppError(
                Code.WORKER_IN_USE,
                f"It has {len(held)} sessions. Drain it and wait until it has none,"
                " or delete it with ?force=true, which moves them first.",
            )
        # It is sent away, so that its end counts as no failure.
        worker.draining = True
        await self._db.flush()
        moved = await take_over(
            self._db, worker.id, worker.incarnation, "deleted by an administrator", proven=True
        )
        self._fleet.note(worker.id, "deleted", moved=moved, incarnation=worker.incarnation)
        await self._db.flush()
        await self._fleet.remove(worker.id)
        # Its next heartbeat is refused, and it stops what it runs.
        await self._fleet.nudge(worker.id)
        log.info("worker_deleted", worker_id=worker.id, moved=moved)

    async def drain(self, given: str) -> DrainedView:
        now = await self._assignments.begin()
        worker = await self._worker(given, lock=True)
        moving = (await draining.drain(self._assignments, [worker], now))[worker.id]
        view = await self._shown(worker)
        return DrainedView(worker=view, moving=moving, staying=view.assigned - moving)

    async def rotate(self, given: str, count: int | None) -> DrainedView:
        now = await self._assignments.begin()
        worker = await self._worker(given, lock=True)
        moving = await rotation.rotate(self._assignments, worker, count, now)
        view = await self._shown(worker)
        return DrainedView(worker=view, moving=moving, staying=view.assigned - moving)

    async def move(self, session_id: str, target: str | None) -> MovingView:
        now = await self._assignments.begin()
        worker = await self._worker(target, lock=True) if target is not None else None
        identity = parse_public_id("ses", session_id)
        found = await self._assignments.sessions.locked([identity]) if identity is not None else []
        if not found:
            raise not_found("session")
        await rotation.move(self._assignments, found[0], worker, now)
        return MovingView(
            session_id=public_id("ses", found[0].id),
            worker_id=str(found[0].worker_id),
            moving_to=worker.id if worker is not None else None,
        )

    async def resume(self, given: str) -> WorkerView:
        await self._assignments.begin()
        worker = await self._worker(given, lock=True)
        await draining.resume(self._assignments, [worker])
        return await self._shown(worker)

    async def command_all(self, command: FleetCommand) -> list[WorkerResult]:
        now = await self._assignments.begin()
        workers = await self._locked()
        moving: dict[str, int] = {}
        if command is FleetCommand.DRAIN:
            moving = await draining.drain(self._assignments, workers, now)
        else:
            await draining.resume(self._assignments, workers)
        return [
            WorkerResult(
                worker_id=worker.id,
                ok=True,
                state=state_of(worker, now),
                trouble="",
                detail=f"{moving[worker.id]} sessions are moving" if moving else "it takes sessions again",
            )
            for worker in workers
        ]

    async def events(
        self, given: str, after: tuple[datetime, uuid.UUID] | None, limit: int
    ) -> Sequence[FleetEvent]:
        """Those of a deleted worker are still told."""
        worker_id = _known_form(given)
        found = await self._fleet.events(worker_id, after, limit)
        if not found and await self._fleet.worker(worker_id) is None:
            raise not_found("worker")
        return found

    async def placement(self, session: str | None, *, explain: bool) -> PlacementView:
        found = None
        if session is not None:
            identity = parse_public_id("ses", session)
            found = await FleetNumbers(self._db).any_session(identity) if identity is not None else None
            if found is None:
                raise not_found("session")
        scores = await self._assignments.scores(found, await self._fleet.now())
        best = scores[0].worker_id if scores and scores[0].eligible else None
        return PlacementView(worker_id=best, weights=WEIGHTS, scores=scores if explain else [])

    async def statistics(self) -> FleetStatistics:
        workers = (await self.all()).items
        takers = [each for each in workers if each.state is WorkerState.ONLINE]
        live = [each for each in workers if each.state is not WorkerState.OFFLINE]
        states = Counter(each.state for each in workers)
        return FleetStatistics(
            workers={state: states[state] for state in WorkerState},
            sessions=await FleetNumbers(self._db).sessions_by_state(),
            capacity=sum(_room(each) for each in takers),
            used=sum(each.assigned for each in live),
            restarts=sum(each.restarts for each in workers),
            failures=sum(each.failures for each in workers),
            spread=_spread([each.assigned / _room(each) for each in takers if _room(each)]),
            repairs=[RepairView.of(each) for each in await self._fleet.repairs()],
        )

    async def _worker(self, given: str, *, lock: bool = False) -> Worker:
        worker = await self._fleet.worker(_known_form(given), lock=lock)
        if worker is None:
            raise not_found("worker")
        return worker

    async def _locked(self) -> list[Worker]:
        """Those that are deleted in the meantime are gone."""
        seen = [worker.id for worker in await self._fleet.workers()]
        locked = [await self._fleet.worker(worker_id, lock=True) for worker_id in seen]
        return [worker for worker in locked if worker is not None]

    async def _shown(self, worker: Worker) -> WorkerView:
        counts = await self._assignments.sessions.assigned_counts()
        return WorkerView.of(worker, counts.get(worker.id, 0), await self._fleet.now())


def _known_form(given: str) -> str:
    """What cannot be the id of a worker is the id of none."""
    name = normalise_name(given)
    if name is None or name in RESERVED:
        raise not_found("worker")
    return name


def _new_id(given: str) -> str:
    try:
        return checked_worker_id(given)
    except AppError as error:
        raise _bad_id(error.detail, error.errors[0]["detail"]) from None


def _bad_id(words: str, short: str) -> AppError:
    return AppError(Code.INVALID_ID, words, errors=[{"pointer": "/id", "detail": short}])


def _needs_it(session: Session) -> bool:
    """A dead worker never tells that it has stopped the others."""
    return session.wanted == Wanted.RUN or session.store == StoreKind.SQLITE


def _room(worker: WorkerView) -> int:
    return worker.capacity if worker.capacity_override is None else worker.capacity_override


def _spread(shares: list[float]) -> Spread:
    least, most = min(shares, default=0.0), max(shares, default=0.0)
    return Spread(least=round(least, 4), most=round(most, 4), difference=round(most - least, 4))
