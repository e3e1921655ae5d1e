"""Broadcasts over REST."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.events.hints import hint
from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.messages.broadcasts.bodies import (
    CreateBroadcastBody,
    pointing_into_message,
    refused,
)
from control_plane.messages.broadcasts.models import Broadcast, BroadcastRecipient
from control_plane.messages.broadcasts.repository import BroadcastRepository
from control_plane.messages.broadcasts.schemas import (
    GROUPS,
    BroadcastRecipientView,
    BroadcastView,
    CreatedBroadcast,
)
from control_plane.messages.broadcasts.service import Broadcasts
from control_plane.messages.files.outgoing import OutgoingFiles
from control_plane.sessions.service import Sessions

UserRequest = Request[Principal, Access, Any]
Status = Annotated[
    str, QueryParameter(name="status", max_length=20, description=f"One of {', '.join(GROUPS)}")
]


class BroadcastController(Controller):
    path = "/v1/sessions/{session_id:str}/broadcasts"
    tags = ["Broadcasts"]

    @post(
        "/",
        opt=scoped(Scope.MESSAGES_SEND, takes_files=True),
        request_max_body_size=None,
        summary="Send one message to many",
        description="`{{name}}` in the text or the caption is each recipient's own value of that variable."
        " Who has opted out is skipped; who is named twice gets one message.",
    )
    async def create(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        data: JSONBody[CreateBroadcastBody],
        db: NamedDependency[AsyncSession],
        outgoing_files: NamedDependency[OutgoingFiles],
        broadcasts: NamedDependency[Broadcasts],
    ) -> Response[CreatedBroadcast]:
        prepared = await broadcasts.prepared(data)
        with pointing_into_message():
            async with outgoing_files.accepted(request, session_id, prepared.message) as (_, file):
                broadcast, doubles = await broadcasts.create(db, request.user, session_id, prepared, file)
        view = CreatedBroadcast.made(broadcast, doubles)
        return Response(view, headers={"Location": f"/v1/sessions/{view.session_id}/broadcasts/{view.id}"})

    @get("/", opt=scoped(Scope.MESSAGES_READ), summary="The broadcasts of a session, the newest first")
    async def page(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[BroadcastView]:
        session = await sessions.session(request.user, session_id)
        listing, stored = f"broadcasts/{request.user.user_id}/{session.id}", BroadcastRepository(db)
        rows = await stored.page(session.id, cursors.decode(listing, page_cursor), page_limit + 1)
        counts = await stored.counts([row.id for row in rows])

        def view(row: Broadcast) -> BroadcastView:
            return BroadcastView.of(row, counts.get(row.id, {}))

        return cursors.page(listing, rows, page_limit, view, _made)

    @get("/{broadcast_id:str}", opt=scoped(Scope.MESSAGES_READ), summary="One broadcast, and how far it is")
    async def one(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        broadcast_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        broadcasts: NamedDependency[Broadcasts],
    ) -> BroadcastView:
        found = await broadcasts.one(db, request.user, session_id, broadcast_id)
        counts = await BroadcastRepository(db).counts([found.id])
        return BroadcastView.of(found, counts.get(found.id, {}))

    @get(
        "/{broadcast_id:str}/recipients",
        opt=scoped(Scope.MESSAGES_READ),
        summary="Whom a broadcast is for, and how far each message has come",
    )
    async def recipients(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        broadcast_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        broadcasts: NamedDependency[Broadcasts],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
        status: Status = "",
    ) -> Page[BroadcastRecipientView]:
        if status and status not in GROUPS:
            words = f"There is no status {status!r}. They are: {', '.join(GROUPS)}."
            raise refused("/status", "is no status", words)
        found = await broadcasts.one(db, request.user, session_id, broadcast_id)
        listing = f"broadcast-recipients/{request.user.user_id}/{found.id}/{status}"
        after = cursors.decode(listing, page_cursor)
        rows = await BroadcastRepository(db).recipients(
            found.id, GROUPS.get(status, ()), after, page_limit + 1
        )
        return cursors.page(listing, rows, page_limit, BroadcastRecipientView.of, _made)

    @post(
        "/{broadcast_id:str}/pause",
        opt=scoped(Scope.MESSAGES_SEND),
        status_code=200,
        summary="Hold a broadcast back, at once; the message that is being sent goes out",
    )
    async def pause(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        broadcast_id: FromPath[str],
        broadcasts: NamedDependency[Broadcasts],
        redis: NamedDependency[Redis],
    ) -> BroadcastView:
        view = BroadcastView.of(*await broadcasts.pause(request.user, session_id, broadcast_id))
        hint(redis)
        return view

    @post(
        "/{broadcast_id:str}/resume",
        opt=scoped(Scope.MESSAGES_SEND),
        status_code=200,
        summary="Let a paused broadcast go on",
    )
    async def resume(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        broadcast_id: FromPath[str],
        broadcasts: NamedDependency[Broadcasts],
        redis: NamedDependency[Redis],
    ) -> BroadcastView:
        view = BroadcastView.of(*await broadcasts.resume(request.user, session_id, broadcast_id))
        hint(redis)
        return view

    @post(
        "/{broadcast_id:str}/cancel",
        opt=scoped(Scope.MESSAGES_SEND),
        status_code=200,
        summary="End a broadcast; whoever has no message yet gets none",
    )
    async def cancel(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        broadcast_id: FromPath[str],
        broadcasts: NamedDependency[Broadcasts],
        redis: NamedDependency[Redis],
    ) -> BroadcastView:
        view = BroadcastView.of(*await broadcasts.cancel(request.user, session_id, broadcast_id))
        hint(redis)
        return view


def _made(row: Broadcast | BroadcastRecipient) -> tuple[datetime, UUID]:
    return row.created_at, row.id
