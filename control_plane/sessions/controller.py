"""The cards of sessions over REST."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from control_plane.errors import AppError, Code
from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import Access, KeyMode, Principal, Scope, scoped
from control_plane.sessions.models import Session, SessionChange
from control_plane.sessions.schemas import (
    ChangeSessionBody,
    ChangeView,
    CreateSessionBody,
    QrView,
    SessionView,
)
from control_plane.sessions.service import Sessions, qr_picture, qr_view

UserRequest = Request[Principal, Access, Any]
_PICTURES = {"image/png": "png", "image/svg+xml": "svg"}


class SessionController(Controller):
    path = "/v1/sessions"
    tags = ["Sessions"]
    opt = scoped(Scope.SESSIONS_WRITE)

    @post(summary="Make a session; it does not run yet")
    async def create(
        self,
        request: UserRequest,
        data: JSONBody[CreateSessionBody],
        sessions: NamedDependency[Sessions],
    ) -> Response[SessionView]:
        view = SessionView.of(await sessions.create(request.user, data))
        return Response(view, headers={"Location": f"/v1/sessions/{view.id}"})

    @get(opt=scoped(Scope.SESSIONS_READ), summary="One's own sessions, the newest first")
    async def page(
        self,
        request: UserRequest,
        sessions: NamedDependency[Sessions],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[SessionView]:
        listing = f"sessions/{request.user.user_id}"
        rows = await sessions.repository.page(
            cursors.decode(listing, page_cursor),
            page_limit + 1,
            only_sandbox=request.user.key_mode is KeyMode.TEST,
        )
        return cursors.page(listing, rows, page_limit, SessionView.of, _position)

    @get("/{session_id:str}", opt=scoped(Scope.SESSIONS_READ), summary="One session, by id or name")
    async def session(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        sessions: NamedDependency[Sessions],
    ) -> SessionView:
        return SessionView.of(await sessions.session(request.user, session_id))

    @patch("/{session_id:str}", summary="Change name, description, proxy, device name or metadata")
    async def change(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        data: JSONBody[ChangeSessionBody],
        sessions: NamedDependency[Sessions],
    ) -> SessionView:
        return SessionView.of(await sessions.change(request.user, session_id, data))

    @post("/{session_id:str}/set-primary", status_code=200, summary="Send by it where no session is named")
    async def set_primary(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        sessions: NamedDependency[Sessions],
    ) -> SessionView:
        return SessionView.of(await sessions.set_primary(request.user, session_id))

    @get(
        "/{session_id:str}/qr",
        opt=scoped(Scope.SESSIONS_READ),
        summary="The live QR code, as JSON or as a picture",
        description="Accept: image/png or image/svg+xml gives the picture itself.",
    )
    async def qr(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        sessions: NamedDependency[Sessions],
    ) -> Response[QrView | bytes]:
        session = await sessions.session(request.user, session_id)
        view = qr_view(await sessions.live_pairing(session))
        if view is None:
            raise AppError(
                Code.NO_QR,
                f"The session is {session.status} ({session.status_reason}) and shows no code."
                " Connect it, and ask again.",
            )
        headers = {"Cache-Control": "no-store"}
        for media_type, kind in _PICTURES.items():
            if media_type in request.headers.get("accept", ""):
                return Response(qr_picture(view.code, kind), media_type=media_type, headers=headers)
        return Response(view, headers=headers)

    @get("/{session_id:str}/timeline", opt=scoped(Scope.SESSIONS_READ), summary="Every change of its state")
    async def timeline(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        sessions: NamedDependency[Sessions],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[ChangeView]:
        session = await sessions.session(request.user, session_id)
        listing = f"timeline/{request.user.user_id}/{session.id}"
        after = cursors.decode(listing, page_cursor)
        rows = await sessions.repository.timeline(session.id, after, page_limit + 1)
        return cursors.page(listing, rows, page_limit, ChangeView.of, _position)


def _position(row: Session | SessionChange) -> tuple[datetime, UUID]:
    return row.created_at, row.id
