"""The calls that reach the control plane, each in the transactions of its route or loop.

Functions are called by way of their modules, so that a planted fault is met here as it is there.
"""

from collections.abc import Sequence

from control_plane.db.engine import SystemSite
from control_plane.fleet.tokens import WorkerTokens
from control_plane.http.principal import Principal
from control_plane.messages.receiving import ingest
from control_plane.sessions import service
from control_plane.sessions.schemas import CreateSessionBody
from control_plane.supervision import (
    fleet_admin,
    heartbeat,
    own_session,
    recovery,
    registration,
    sweeper,
    upkeep,
)
from control_plane.supervision.fleet_schemas import ChangeWorkerBody
from shared.contracts.fleet import (
    HeartbeatAnswer,
    Register,
    Registered,
    Released,
    SeenState,
    UplinkBatch,
    UplinkEvent,
)
from tests.fleet_machine.simulated_worker import Question, SimulatedWorker
from tests.fleet_machine.world import BRAKE, LEASE, World


class Calls:
    def __init__(self, world: World) -> None:
        self._database = world.database
        self._keyring = world.keyring
        self._tokens = WorkerTokens(world.keyring)
        self._sweeper = sweeper.Sweeper(world.database, lease_seconds=LEASE, brake_seconds=BRAKE)
        # As if it had been running for a lease.
        self._sweeper._first_look = 0.0
        self._upkeep = upkeep.Upkeep(world.database, world.keyring, unused_days=30)

    # ---- owners ----

    async def create(self, owner: Principal, name: str) -> str:
        async with self._database.tenant(owner.user_id) as db:
            made = await service.Sessions(db, self._keyring).create(owner, CreateSessionBody(name=name))
            return str(made.id)

    async def set_primary(self, owner: Principal, session: str) -> None:
        async with self._database.tenant(owner.user_id) as db:
            await service.Sessions(db, self._keyring).set_primary(owner, f"ses-{session}")

    async def ask(self, owner: Principal, session: str, ask: own_session.Ask) -> None:
        await self._own(owner, session).ask(ask)

    async def delete(self, owner: Principal, session: str) -> None:
        await self._own(owner, session).delete()

    def _own(self, owner: Principal, session: str) -> own_session.OwnSession:
        return own_session.OwnSession(owner, f"ses-{session}", self._database, self._keyring)

    # ---- workers ----

    async def register(self, worker: SimulatedWorker) -> Registered:
        body = Register(
            worker_id=worker.id, endpoint=worker.endpoint, version="1.0", capacity=worker.capacity
        )
        times = registration.LeaseTimes(LEASE, LEASE / 5)
        async with self._database.system(SystemSite.WORKERS) as db:
            registered = await registration.register(db, body, self._tokens, times)
        await self.place_orphans()
        return registered

    async def renew(self, worker: SimulatedWorker, sent: float) -> Question:
        assert worker.identity is not None
        beat = worker.heartbeat()
        async with self._database.system(SystemSite.WORKERS) as db:
            until = await heartbeat.renew_lease(db, worker.identity, beat)
        return Question(sent, beat, until)

    async def answer(self, worker: SimulatedWorker, question: Question) -> HeartbeatAnswer:
        assert worker.identity is not None
        async with self._database.system(SystemSite.WORKERS) as db:
            return await heartbeat.answer_heartbeat(
                db, worker.identity, question.beat, question.until, self._keyring
            )

    async def released(self, worker: SimulatedWorker, sessions: Sequence[SeenState]) -> None:
        assert worker.identity is not None
        told = Released(incarnation=worker.identity.incarnation, sessions=tuple(sessions))
        async with self._database.system(SystemSite.WORKERS) as db:
            await heartbeat.demand_present(db, worker.identity)
            await recovery.take_released(db, worker.identity.worker_id, told)

    async def ship(self, worker_id: str, spool: str, events: Sequence[UplinkEvent]) -> int:
        async with self._database.system(SystemSite.INGEST) as db:
            return await ingest.Ingest(db, worker_id).take(UplinkBatch(spool=spool, events=tuple(events)))

    # ---- loops ----

    async def look(self) -> None:
        await self._sweeper.look()

    async def take_over(self, worker_id: str, incarnation: int, *, proven: bool) -> int:
        async with self._database.system(SystemSite.SUPERVISION) as db:
            return await recovery.take_over(db, worker_id, incarnation, "the machine says so", proven=proven)

    async def place_orphans(self) -> None:
        async with self._database.system(SystemSite.SUPERVISION) as db:
            await recovery.place_orphans(db)

    async def keep_up(self) -> None:
        await self._upkeep.expired_codes()
        await self._upkeep.unused_sessions()

    # ---- administrators ----

    async def drain(self, worker_id: str) -> None:
        async with self._database.system(SystemSite.ADMIN) as db:
            await fleet_admin.FleetAdministration(db).drain(worker_id)

    async def resume(self, worker_id: str) -> None:
        async with self._database.system(SystemSite.ADMIN) as db:
            await fleet_admin.FleetAdministration(db).resume(worker_id)

    async def give_room(self, worker_id: str, room: int) -> None:
        async with self._database.system(SystemSite.ADMIN) as db:
            body = ChangeWorkerBody(capacity_override=room)
            await fleet_admin.FleetAdministration(db).change(worker_id, body)

    async def delete_worker(self, worker_id: str) -> None:
        async with self._database.system(SystemSite.ADMIN) as db:
            await fleet_admin.FleetAdministration(db).delete(worker_id, force=True)
