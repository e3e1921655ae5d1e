"""What owners ask of their sessions, over REST: these calls reach into the fleet."""

import asyncio
import time
from typing import Any

from litestar import Controller, Request, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from control_plane.db.engine import Database, SystemSite
from control_plane.errors import AppError, Code
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.keyring import Keyring
from control_plane.sessions.models import Session
from control_plane.sessions.schemas import (
    BulkBody,
    BulkResult,
    BulkView,
    ConnectBody,
    ConnectingView,
    SessionView,
    shown,
)
from control_plane.sessions.service import Sessions, code_view, qr_view
from control_plane.supervision.wishes import Wishes
from shared.session_state import SessionState

UserRequest = Request[Principal, Access, Any]
_LOOK_EVERY = 0.05
# In these a code may still come.
_PAIRING = frozenset({SessionState.INITIALIZING, SessionState.QR_PENDING})


class WishController(Controller):
    path = "/v1/sessions"
    tags = ["Sessions"]
    opt = scoped(Scope.SESSIONS_WRITE)

    @post("/{session_id:str}/connect", status_code=202, summary="Run it; the answer may hold the first code")
    async def connect(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        database: NamedDependency[Database],
        keyring: NamedDependency[Keyring],
        data: JSONBody[ConnectBody | None] = None,
    ) -> ConnectingView:
        body = data or ConnectBody()
        if body.method == "code" and body.phone is None:
            raise _phone_missing()
        phone = body.phone if body.method == "code" else None
        wish = _Wish(request.user, session_id, database, keyring)
        await wish.check()
        session = await wish.ask("connect", phone)
        return await wish.with_code(session, body.wait, wants_code=phone is not None)

    @post("/{session_id:str}/refresh-qr", status_code=202, summary="Pair anew, with a fresh code")
    async def refresh_qr(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        database: NamedDependency[Database],
        keyring: NamedDependency[Keyring],
    ) -> ConnectingView:
        wish = _Wish(request.user, session_id, database, keyring)
        session = await wish.check()
        if session.status == SessionState.CONNECTED:
            raise _connected()
        return await wish.with_code(await wish.ask("restart"), ConnectBody().wait, wants_code=False)

    @post("/{session_id:str}/restart", status_code=202, summary="Stop its client and start it again")
    async def restart(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        database: NamedDependency[Database],
        keyring: NamedDependency[Keyring],
    ) -> SessionView:
        return await _Wish(request.user, session_id, database, keyring).plain("restart")

    @post("/{session_id:str}/disconnect", status_code=200, summary="Stop it; its credentials stay")
    async def disconnect(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        database: NamedDependency[Database],
        keyring: NamedDependency[Keyring],
    ) -> SessionView:
        return await _Wish(request.user, session_id, database, keyring).plain("disconnect")

    @post("/{session_id:str}/logout", status_code=202, summary="Unlink it from the phone")
    async def log_out(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        database: NamedDependency[Database],
        keyring: NamedDependency[Keyring],
    ) -> SessionView:
        return await _Wish(request.user, session_id, database, keyring).plain("log_out")

    @post("/bulk", status_code=200, summary="One action for many sessions, with a result for each")
    async def bulk(
        self,
        request: UserRequest,
        data: JSONBody[BulkBody],
        database: NamedDependency[Database],
        keyring: NamedDependency[Keyring],
    ) -> BulkView:
        action = "log_out" if data.action == "logout" else data.action
        results = [
            await _Wish(request.user, reference, database, keyring).one_of_many(action)
            for reference in dict.fromkeys(data.session_ids)
        ]
        return BulkView(results=results)


class _Wish:
    """One session's, in transactions of its own: a code may be waited for, and no transaction waits."""

    def __init__(self, principal: Principal, reference: str, database: Database, keyring: Keyring) -> None:
        self._principal = principal
        self._reference = reference
        self._database = database
        self._keyring = keyring

    async def check(self) -> Session:
        """That it exists for this caller."""
        async with self._database.tenant(self._principal.user_id) as db:
            return await Sessions(db, self._keyring).session(self._principal, self._reference)

    async def ask(self, action: str, *arguments: Any) -> Session:
        async with self._database.system(SystemSite.SUPERVISION) as db:
            wishes = Wishes(db, self._principal.user_id)
            session: Session = await getattr(wishes, action)(self._reference, *arguments)
            await db.flush()
            return session

    async def plain(self, action: str) -> SessionView:
        await self.check()
        return SessionView.of(await self.ask(action))

    async def one_of_many(self, action: str) -> BulkResult:
        try:
            if action == "delete":
                async with self._database.tenant(self._principal.user_id) as db:
                    await Sessions(db, self._keyring).delete(self._principal, self._reference)
                return BulkResult(session_id=self._reference, done=True)
            view = await self.plain(action)
        except AppError as error:
            return BulkResult(
                session_id=self._reference, done=False, code=error.code.code, detail=error.detail
            )
        return BulkResult(session_id=self._reference, done=True, status=view.status)

    async def with_code(self, session: Session, wait: float, *, wants_code: bool) -> ConnectingView:
        """As soon as there is a code, or when it is clear that none comes, or when the time is over."""
        end = time.monotonic() + wait
        while True:
            async with self._database.tenant(self._principal.user_id) as db:
                sessions = Sessions(db, self._keyring)
                session = await sessions.session(self._principal, self._reference)
                pairing = await sessions.live_pairing(session)
            qr, code = qr_view(pairing), code_view(pairing)
            came = code is not None if wants_code else qr is not None
            over = session.status not in _PAIRING or session.device_jid is not None
            if came or over or time.monotonic() >= end:
                return ConnectingView(qr=qr, pairing_code=code, **shown(session))
            await asyncio.sleep(_LOOK_EVERY)


def _phone_missing() -> AppError:
    return AppError(
        Code.VALIDATION_FAILED,
        "The method 'code' needs the phone that the code is typed into.",
        errors=[{"pointer": "/phone", "detail": "is missing"}],
    )


def _connected() -> AppError:
    return AppError(Code.SESSION_CONNECTED, "It is connected. Log it out first to pair another phone.")
