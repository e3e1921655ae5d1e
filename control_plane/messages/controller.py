"""Messages over REST."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import not_found
from control_plane.events.hints import hint
from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.messages.chat_ids import parse_chat_id
from control_plane.messages.models import Message
from control_plane.messages.repository import MessageRepository
from control_plane.messages.schemas import MessageView, SendBody
from control_plane.messages.sending import Sending
from control_plane.sessions.service import Sessions
from shared.ids import parse_public_id

UserRequest = Request[Principal, Access, Any]
Chat = Annotated[str, QueryParameter(name="chat", max_length=100, description="Only of this chat")]
Direction = Annotated[str, QueryParameter(name="direction", pattern="^(inbound|outbound|)$")]


class MessageController(Controller):
    tags = ["Messages"]

    @post(
        "/v1/sessions/{session_id:str}/messages",
        opt=scoped(Scope.MESSAGES_SEND),
        summary="Send a text",
        description="201 when WhatsApp has it, 202 when nobody can tell.",
    )
    async def send(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        data: JSONBody[SendBody],
        sending: NamedDependency[Sending],
        redis: NamedDependency[Redis],
    ) -> Response[MessageView]:
        return await _sent(sending, request.user, session_id, data, redis)

    @post(
        "/v1/messages",
        opt=scoped(Scope.MESSAGES_SEND),
        summary="Send a text through the primary session",
        description="201 when WhatsApp has it, 202 when nobody can tell.",
    )
    async def send_by_primary(
        self,
        request: UserRequest,
        data: JSONBody[SendBody],
        sending: NamedDependency[Sending],
        redis: NamedDependency[Redis],
    ) -> Response[MessageView]:
        return await _sent(sending, request.user, None, data, redis)

    @get(
        "/v1/sessions/{session_id:str}/messages",
        opt=scoped(Scope.MESSAGES_READ),
        summary="What was sent and received, the newest first",
    )
    async def page(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
        chat: Chat = "",
        direction: Direction = "",
    ) -> Page[MessageView]:
        session = await sessions.session(request.user, session_id)
        wanted = parse_chat_id(chat) if chat else ""
        listing = f"messages/{request.user.user_id}/{session.id}/{wanted}/{direction}"
        rows = await MessageRepository(db).page(
            session.id, cursors.decode(listing, page_cursor), page_limit + 1, chat=wanted, direction=direction
        )
        return cursors.page(listing, rows, page_limit, MessageView.of, _position)

    @get("/v1/messages/{message_id:str}", opt=scoped(Scope.MESSAGES_READ), summary="One message")
    async def message(
        self,
        request: UserRequest,
        message_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
    ) -> MessageView:
        identity = parse_public_id("msg", message_id)
        message = await MessageRepository(db).message(identity) if identity is not None else None
        if message is None:
            raise not_found("message")
        # A test key reaches sandbox sessions only.
        await sessions.session(request.user, f"ses-{message.session_id}")
        return MessageView.of(message)


async def _sent(
    sending: Sending, principal: Principal, reference: str | None, body: SendBody, redis: Redis
) -> Response[MessageView]:
    try:
        view = MessageView.of(await sending.send(principal, reference, body))
    finally:
        hint(redis)
    status = 202 if view.status == "uncertain" else 201
    return Response(view, status_code=status, headers={"Location": f"/v1/messages/{view.id}"})


def _position(message: Message) -> tuple[datetime, UUID]:
    return message.created_at, message.id
