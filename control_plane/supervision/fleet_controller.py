"""Workers over REST, for administrators."""

import uuid
from typing import Annotated, Any

from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.engine import Database, SystemSite
from control_plane.errors import not_found
from control_plane.fleet.models import FleetEvent, JoinToken
from control_plane.fleet.worker_client import WorkerClient
from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import ADMINS, Access, access
from control_plane.http.transactions import system_session
from control_plane.keyring import Keyring
from control_plane.supervision.fleet_admin import FleetAdministration
from control_plane.supervision.fleet_schemas import (
    AnnounceWorkerBody,
    ChangeWorkerBody,
    CommandBody,
    CommandView,
    CreatedJoinToken,
    CreateJoinTokenBody,
    DrainedView,
    FleetCommand,
    FleetEventView,
    FleetStatistics,
    FleetView,
    HealthCheckView,
    JoinTokenView,
    MoveBody,
    MovingView,
    PlacementView,
    RotateBody,
    WorkerView,
)
from control_plane.supervision.health_check import check_health, reload_all
from control_plane.supervision.join_tokens import JoinTokens
from shared.ids import parse_public_id

Force = Annotated[bool, QueryParameter(name="force", description="Move its sessions first")]
Explain = Annotated[bool, QueryParameter(name="explain", description="Show the score of every worker")]
ForSession = Annotated[
    str | None, QueryParameter(name="session", max_length=100, description="The id of a session to place")
]


class FleetController(Controller):
    path = "/v1/workers"
    tags = ["Administration"]
    opt = access(ADMINS)
    dependencies = {"db": system_session(SystemSite.ADMIN)}

    @get(summary="All workers")
    async def workers(self, db: NamedDependency[AsyncSession]) -> FleetView:
        return await FleetAdministration(db).all()

    @post(summary="Announce a worker before it comes")
    async def announce(
        self, data: JSONBody[AnnounceWorkerBody], db: NamedDependency[AsyncSession]
    ) -> Response[WorkerView]:
        view = await FleetAdministration(db).announce(data)
        return Response(view, headers={"Location": f"/v1/workers/{view.id}"})

    @get("/statistics", summary="The fleet in numbers")
    async def statistics(self, db: NamedDependency[AsyncSession]) -> FleetStatistics:
        return await FleetAdministration(db).statistics()

    @get("/placement", summary="Where the next session would go, and why")
    async def placement(
        self, db: NamedDependency[AsyncSession], explain: Explain = False, for_session: ForSession = None
    ) -> PlacementView:
        return await FleetAdministration(db).placement(for_session, explain=explain)

    @post("/health-check", status_code=200, summary="Ask every worker now whether it is there")
    async def health_check(
        self, database: NamedDependency[Database], worker_client: NamedDependency[WorkerClient]
    ) -> HealthCheckView:
        return await check_health(database, worker_client)

    @post("/commands", status_code=200, summary="One command to all workers, with a result for each")
    async def command(
        self,
        data: JSONBody[CommandBody],
        database: NamedDependency[Database],
        worker_client: NamedDependency[WorkerClient],
    ) -> CommandView:
        if data.command is FleetCommand.HEALTH:
            results = (await check_health(database, worker_client)).results
        elif data.command is FleetCommand.RELOAD:
            results = await reload_all(database, worker_client)
        else:
            async with database.system(SystemSite.ADMIN) as db:
                results = await FleetAdministration(db).command_all(data.command)
        return CommandView(command=data.command, results=results)

    @get("/{worker_id:str}", summary="One worker")
    async def worker(self, worker_id: FromPath[str], db: NamedDependency[AsyncSession]) -> WorkerView:
        return await FleetAdministration(db).view(worker_id)

    @put("/{worker_id:str}", summary="Change capacity, weight, labels")
    async def change(
        self, worker_id: FromPath[str], data: JSONBody[ChangeWorkerBody], db: NamedDependency[AsyncSession]
    ) -> WorkerView:
        return await FleetAdministration(db).change(worker_id, data)

    @delete("/{worker_id:str}", summary="Forget a worker that has no sessions")
    async def remove(
        self, worker_id: FromPath[str], db: NamedDependency[AsyncSession], force: Force = False
    ) -> None:
        await FleetAdministration(db).delete(worker_id, force=force)

    @post("/{worker_id:str}/drain", status_code=202, summary="Move its sessions away, give it no more")
    async def drain(self, worker_id: FromPath[str], db: NamedDependency[AsyncSession]) -> DrainedView:
        return await FleetAdministration(db).drain(worker_id)

    @post("/{worker_id:str}/resume", status_code=200, summary="Let it take sessions again")
    async def resume(self, worker_id: FromPath[str], db: NamedDependency[AsyncSession]) -> WorkerView:
        return await FleetAdministration(db).resume(worker_id)

    @post("/{worker_id:str}/rotate", status_code=202, summary="Move some of its sessions, the idlest first")
    async def rotate(
        self,
        worker_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        data: JSONBody[RotateBody | None] = None,
    ) -> DrainedView:
        return await FleetAdministration(db).rotate(worker_id, data.count if data is not None else None)

    @get("/{worker_id:str}/events", summary="What happened to a worker, the newest first")
    async def history(
        self,
        worker_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[FleetEventView]:
        listing = f"fleet-events/{worker_id}"
        after = cursors.decode(listing, page_cursor)
        rows = await FleetAdministration(db).events(worker_id, after, page_limit + 1)
        return cursors.page(listing, rows, page_limit, FleetEventView.of, _position)


class SessionMoveController(Controller):
    path = "/v1/admin/sessions"
    tags = ["Administration"]
    opt = access(ADMINS)
    dependencies = {"db": system_session(SystemSite.ADMIN)}

    @post("/{session_id:str}/move", status_code=202, summary="Move a session to another worker")
    async def move(
        self,
        session_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        data: JSONBody[MoveBody | None] = None,
    ) -> MovingView:
        return await FleetAdministration(db).move(session_id, data.worker_id if data is not None else None)


class JoinTokenController(Controller):
    path = "/v1/workers/join-tokens"
    tags = ["Administration"]
    opt = access(ADMINS)
    dependencies = {"db": system_session(SystemSite.ADMIN)}

    @get(summary="Join tokens, the newest first; never the tokens themselves")
    async def page(
        self,
        db: NamedDependency[AsyncSession],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[JoinTokenView]:
        rows = await JoinTokens(db).page(cursors.decode("join-tokens", page_cursor), page_limit + 1)
        return cursors.page("join-tokens", rows, page_limit, JoinTokenView.of, _position)

    @post(
        opt=access(Access(admin=True, limit="admin", shown_once=frozenset({"token"}))),
        summary="Make a join token; the answer is the only one that shows it",
    )
    async def create(
        self,
        data: JSONBody[CreateJoinTokenBody],
        db: NamedDependency[AsyncSession],
        keyring: NamedDependency[Keyring],
    ) -> CreatedJoinToken:
        return await JoinTokens(db).create(data, keyring)

    @delete("/{token_id:str}", summary="Revoke a join token")
    async def revoke(self, token_id: FromPath[str], db: NamedDependency[AsyncSession]) -> None:
        identity: uuid.UUID | None = parse_public_id("join", token_id)
        if identity is None:
            raise not_found("join token")
        await JoinTokens(db).revoke(identity)


def _position(row: FleetEvent | JoinToken) -> tuple[Any, Any]:
    return row.created_at, row.id
