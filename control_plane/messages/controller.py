"""Messages over REST."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import not_found
from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.http.window import Since, Until, moment_of
from control_plane.messages.answering import Answering
from control_plane.messages.bodies import EditBody, ForwardBody, ReactBody, SendBody
from control_plane.messages.chat_ids import parse_chat_id
from control_plane.messages.composing import edit, forward, react, revoke
from control_plane.messages.media import MediaLinks
from control_plane.messages.models import Message
from control_plane.messages.repository import Filters, MessageRepository
from control_plane.messages.schemas import MessageView
from control_plane.messages.sending import Sending
from control_plane.sessions.service import Sessions
from shared.ids import parse_public_id

UserRequest = Request[Principal, Access, Any]
Chat = Annotated[str, QueryParameter(name="chat", max_length=100, description="Only of this chat")]
Kind = Annotated[str, QueryParameter(name="type", max_length=30, description="Only of this type")]
Status = Annotated[str, QueryParameter(name="status", max_length=30, description="Only in this state")]
Words = Annotated[
    str,
    QueryParameter(name="q", max_length=200, description='Words of its text; "…" for a phrase, - for none'),
]
Direction = Annotated[str, QueryParameter(name="direction", pattern="^(inbound|outbound|)$")]

_ANSWERS = "201 (200 for a change) when WhatsApp has it, 202 when nobody can tell."


class MessageController(Controller):
    tags = ["Messages"]

    @post(
        "/v1/sessions/{session_id:str}/messages",
        opt=scoped(Scope.MESSAGES_SEND),
        summary="Send a message",
        description=_ANSWERS,
    )
    async def send(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        data: JSONBody[SendBody],
        sending: NamedDependency[Sending],
        answering: NamedDependency[Answering],
    ) -> Response[MessageView]:
        return await answering.answer(sending.send(request.user, session_id, data.message))

    @post(
        "/v1/messages",
        opt=scoped(Scope.MESSAGES_SEND),
        summary="Send a message through the primary session",
        description=_ANSWERS,
    )
    async def send_by_primary(
        self,
        request: UserRequest,
        data: JSONBody[SendBody],
        sending: NamedDependency[Sending],
        answering: NamedDependency[Answering],
    ) -> Response[MessageView]:
        return await answering.answer(sending.send(request.user, None, data.message))

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
        links: NamedDependency[MediaLinks],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
        chat: Chat = "",
        direction: Direction = "",
        kind: Kind = "",
        status: Status = "",
        since: Since = "",
        until: Until = "",
        words: Words = "",
    ) -> Page[MessageView]:
        session = await sessions.session(request.user, session_id)
        wanted = Filters(
            chat=parse_chat_id(chat, "/chat") if chat else "",
            direction=direction,
            kind=kind,
            status=status,
            since=moment_of("since", since) if since else None,
            until=moment_of("until", until) if until else None,
            words=words,
        )
        listing = f"messages/{request.user.user_id}/{session.id}/{wanted}"
        rows = await MessageRepository(db).page(
            session.id, cursors.decode(listing, page_cursor), page_limit + 1, wanted
        )
        return cursors.page(
            listing, rows, page_limit, lambda message: MessageView.of(message, links), _position
        )

    @get("/v1/messages/{message_id:str}", opt=scoped(Scope.MESSAGES_READ), summary="One message")
    async def message(
        self,
        request: UserRequest,
        message_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
        links: NamedDependency[MediaLinks],
    ) -> MessageView:
        identity = parse_public_id("msg", message_id)
        message = await MessageRepository(db).message(identity) if identity is not None else None
        if message is None:
            raise not_found("message")
        # A test key reaches sandbox sessions only.
        await sessions.session(request.user, f"ses-{message.session_id}")
        return MessageView.of(message, links)

    @post(
        "/v1/messages/{message_id:str}/reactions",
        opt=scoped(Scope.MESSAGES_SEND),
        summary="React to a message; an empty emoji takes the reaction back",
        description=_ANSWERS,
    )
    async def react(
        self,
        request: UserRequest,
        message_id: FromPath[str],
        data: JSONBody[ReactBody],
        sending: NamedDependency[Sending],
        answering: NamedDependency[Answering],
    ) -> Response[MessageView]:
        sent = sending.send_about(request.user, message_id, lambda about: react(about, data.emoji))
        return await answering.answer(sent)

    @patch(
        "/v1/messages/{message_id:str}",
        opt=scoped(Scope.MESSAGES_SEND),
        summary="Change the text of a message that this account sent",
        description=_ANSWERS,
    )
    async def edit(
        self,
        request: UserRequest,
        message_id: FromPath[str],
        data: JSONBody[EditBody],
        sending: NamedDependency[Sending],
        answering: NamedDependency[Answering],
    ) -> Response[MessageView]:
        sent = sending.send_about(request.user, message_id, lambda about: edit(about, data.text))
        return await answering.answer(sent, done=200)

    @delete(
        "/v1/messages/{message_id:str}",
        opt=scoped(Scope.MESSAGES_SEND),
        status_code=200,
        summary="Delete a message for everyone",
        description=_ANSWERS,
    )
    async def revoke(
        self,
        request: UserRequest,
        message_id: FromPath[str],
        sending: NamedDependency[Sending],
        answering: NamedDependency[Answering],
    ) -> Response[MessageView]:
        return await answering.answer(sending.send_about(request.user, message_id, revoke), done=200)

    @post(
        "/v1/messages/{message_id:str}/forward",
        opt=scoped(Scope.MESSAGES_SEND),
        summary="Send what it says to somebody else, marked as forwarded",
        description=_ANSWERS,
    )
    async def forward(
        self,
        request: UserRequest,
        message_id: FromPath[str],
        data: JSONBody[ForwardBody],
        sending: NamedDependency[Sending],
        answering: NamedDependency[Answering],
    ) -> Response[MessageView]:
        sent = sending.send_about(request.user, message_id, lambda about: forward(about, data.to))
        return await answering.answer(sent)


def _position(message: Message) -> tuple[datetime, UUID]:
    return message.created_at, message.id
