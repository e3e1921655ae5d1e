"""What owners ask of their sessions, over REST: these calls reach into the fleet."""

from collections.abc import Mapping
from typing import Any

from litestar import Controller, Request, delete, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from control_plane.db.engine import Database
from control_plane.errors import AppError, Code
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.keyring import Keyring
from control_plane.sessions.schemas import (
    BulkBody,
    BulkResult,
    BulkView,
    ConnectBody,
    ConnectingView,
    SessionView,
)
from control_plane.supervision.own_session import Ask, OwnSession
from control_plane.supervision.wishes import Wishes
from shared.session_state import SessionState

UserRequest = Request[Principal, Access, Any]
# For many at once; deleting is none of the fleet's.
_PLACING: Mapping[str, Ask] = {"connect": Wishes.connect, "restart": Wishes.restart}
_ENDING: Mapping[str, Ask] = {"disconnect": Wishes.disconnect, "logout": Wishes.log_out}


async def provide_own(
    request: UserRequest,
    session_id: FromPath[str],
    database: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
) -> OwnSession:
    return OwnSession(request.user, session_id, database, keyring)


class WishController(Controller):
    path = "/v1/sessions"
    tags = ["Sessions"]
    opt = scoped(Scope.SESSIONS_WRITE)
    dependencies = {"own": Provide(provide_own)}

    @post("/{session_id:str}/connect", status_code=202, summary="Run it; the answer may hold the first code")
    async def connect(
        self, own: NamedDependency[OwnSession], data: JSONBody[ConnectBody | None] = None
    ) -> ConnectingView:
        body = data or ConnectBody()
        phone = body.phone if body.method == "code" else None
        if body.method == "code" and phone is None:
            raise AppError(
                Code.VALIDATION_FAILED,
                "The method 'code' needs the phone that the code is typed into.",
                errors=[{"pointer": "/phone", "detail": "is missing"}],
            )
        await own.place(lambda wishes, reference: wishes.connect(reference, phone))
        return await own.with_code(body.wait, wants_code=phone is not None)

    @post("/{session_id:str}/refresh-qr", status_code=202, summary="Pair anew, with a fresh code")
    async def refresh_qr(self, own: NamedDependency[OwnSession]) -> ConnectingView:
        if (await own.seen()).status == SessionState.CONNECTED:
            raise AppError(Code.SESSION_CONNECTED, "It is connected. Log it out first to pair another phone.")
        await own.place(Wishes.restart)
        return await own.with_code(ConnectBody().wait)

    @post("/{session_id:str}/restart", status_code=202, summary="Stop its client and start it again")
    async def restart(self, own: NamedDependency[OwnSession]) -> SessionView:
        return await own.place(Wishes.restart)

    @post("/{session_id:str}/disconnect", status_code=200, summary="Stop it; its credentials stay")
    async def disconnect(self, own: NamedDependency[OwnSession]) -> SessionView:
        return await own.ask(Wishes.disconnect)

    @post("/{session_id:str}/logout", status_code=202, summary="Unlink it from the phone")
    async def log_out(self, own: NamedDependency[OwnSession]) -> SessionView:
        return await own.ask(Wishes.log_out)

    @delete("/{session_id:str}", summary="Unlink it from its phone, and delete it")
    async def remove(self, own: NamedDependency[OwnSession]) -> None:
        await own.delete()

    @post("/bulk", status_code=200, summary="One action for many sessions, with a result for each")
    async def bulk(
        self,
        request: UserRequest,
        data: JSONBody[BulkBody],
        database: NamedDependency[Database],
        keyring: NamedDependency[Keyring],
    ) -> BulkView:
        references = dict.fromkeys(data.session_ids)
        owned = (OwnSession(request.user, reference, database, keyring) for reference in references)
        return BulkView(results=[await _done(own, data.action) for own in owned])


async def _done(own: OwnSession, action: str) -> BulkResult:
    try:
        if action == "delete":
            await own.delete()
            return BulkResult(session_id=own.reference, done=True)
        placing = _PLACING.get(action)
        view = await (own.place(placing) if placing is not None else own.ask(_ENDING[action]))
    except AppError as error:
        return BulkResult(session_id=own.reference, done=False, code=error.code.code, detail=error.detail)
    return BulkResult(session_id=own.reference, done=True, status=view.status)
