"""Messages over REST."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.http.window import Since, Until
from control_plane.messages.answering import Answering, call_of
from control_plane.messages.bodies import EditBody, ForwardBody, ReactBody, SendBody
from control_plane.messages.composing import edit, forward, react, revoke
from control_plane.messages.details import MessageDetail, detail_of, visible_message
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.files.outgoing import OutgoingFiles
from control_plane.messages.history.filtering import Chat, Direction, Kind, Status, Words, filters_of
from control_plane.messages.models import Message
from control_plane.messages.repository import MessageRepository
from control_plane.messages.schemas import MessageView
from control_plane.messages.sending import Sending
from control_plane.sessions.service import Sessions

UserRequest = Request[Principal, Access, Any]

_ANSWERS = (
    "201 (200 for a change) when WhatsApp has it; 202 when it is accepted and will be sent, at once with"
    " `Prefer: respond-async`, and when nobody can tell whether it was."
)


class MessageController(Controller):
    tags = ["Messages"]

    @post(
        "/v1/sessions/{session_id:str}/messages",
        opt=scoped(Scope.MESSAGES_SEND, takes_files=True),
        request_max_body_size=None,
        summary="Send a message",
        description=_ANSWERS,
    )
    async def send(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        data: JSONBody[SendBody],
        outgoing_files: NamedDependency[OutgoingFiles],
        sending: NamedDependency[Sending],
        answering: NamedDependency[Answering],
    ) -> Response[MessageView]:
        async with outgoing_files.accepted(request, session_id, data.message) as (sender, file):
            call = call_of(request)
            return await answering.answer(call, sending.send(call, sender, data.message, file))

    @post(
        "/v1/messages",
        opt=scoped(Scope.MESSAGES_SEND, takes_files=True),
        request_max_body_size=None,
        summary="Send a message through the primary session",
        description=_ANSWERS,
    )
    async def send_by_primary(
        self,
        request: UserRequest,
        data: JSONBody[SendBody],
        outgoing_files: NamedDependency[OutgoingFiles],
        sending: NamedDependency[Sending],
        answering: NamedDependency[Answering],
    ) -> Response[MessageView]:
        async with outgoing_files.accepted(request, None, data.message) as (sender, file):
            call = call_of(request)
            return await answering.answer(call, sending.send(call, sender, data.message, file))

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
        wanted = filters_of(
            chat=chat,
            direction=direction,
            kind=kind,
            status=status,
            since=since,
            until=until,
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
    ) -> MessageDetail:
        return await detail_of(db, await visible_message(db, sessions, request.user, message_id), links)

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
        call = call_of(request)
        sent = sending.send_about(call, message_id, lambda about: react(about, data.emoji))
        return await answering.answer(call, sent)

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
        call = call_of(request)
        sent = sending.send_about(call, message_id, lambda about: edit(about, data.text))
        return await answering.answer(call, sent, done=200)

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
        call = call_of(request)
        return await answering.answer(call, sending.send_about(call, message_id, revoke), done=200)

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
        outgoing_files: NamedDependency[OutgoingFiles],
        sending: NamedDependency[Sending],
        answering: NamedDependency[Answering],
    ) -> Response[MessageView]:
        async with outgoing_files.copied(request.user, message_id) as file:
            call = call_of(request)
            sent = sending.send_about(call, message_id, lambda about: forward(about, data.to, file))
            return await answering.answer(call, sent)


def _position(message: Message) -> tuple[datetime, UUID]:
    return message.created_at, message.id
