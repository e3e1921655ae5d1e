"""The queue of a session as its owner sees it, and what can be done to what waits there."""

from datetime import datetime
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from control_plane.accounts.schemas import Answer
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.messages.answering import Answering, call_of
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.queue.owner import Queue, QueueState
from control_plane.messages.schemas import MessageView
from control_plane.messages.sending import Sending
from shared.ids import public_id

UserRequest = Request[Principal, Access, Any]


class QueueView(Answer):
    """`reason` says what everything waits for, where it does."""

    session_id: str
    waiting: int
    sending: int
    scheduled: int
    paused_until: datetime | None
    reason: str | None

    @classmethod
    def of(cls, state: QueueState) -> "QueueView":
        return cls(
            session_id=public_id("ses", state.session_id),
            waiting=state.waiting,
            sending=state.sending,
            scheduled=state.scheduled,
            paused_until=state.paused_until,
            reason=state.reason,
        )


class QueueController(Controller):
    tags = ["Messages"]

    @get(
        "/v1/sessions/{session_id:str}/queue",
        opt=scoped(Scope.MESSAGES_READ),
        summary="What waits to be sent, and what for",
    )
    async def state(
        self, request: UserRequest, session_id: FromPath[str], queue: NamedDependency[Queue]
    ) -> QueueView:
        return QueueView.of(await queue.state(request.user, session_id))

    @post(
        "/v1/sessions/{session_id:str}/queue/pause",
        opt=scoped(Scope.MESSAGES_SEND),
        status_code=200,
        summary="Hold everything back until it is resumed; what is being sent goes out",
    )
    async def pause(
        self, request: UserRequest, session_id: FromPath[str], queue: NamedDependency[Queue]
    ) -> QueueView:
        return QueueView.of(await queue.pause(request.user, session_id))

    @post(
        "/v1/sessions/{session_id:str}/queue/resume",
        opt=scoped(Scope.MESSAGES_SEND),
        status_code=200,
        summary="Go on, also where WhatsApp had asked for a pause",
    )
    async def resume(
        self, request: UserRequest, session_id: FromPath[str], queue: NamedDependency[Queue]
    ) -> QueueView:
        return QueueView.of(await queue.resume(request.user, session_id))

    @post(
        "/v1/messages/{message_id:str}/cancel",
        opt=scoped(Scope.MESSAGES_SEND),
        status_code=200,
        summary="Take back a message that has not gone out yet",
    )
    async def cancel(
        self,
        request: UserRequest,
        message_id: FromPath[str],
        queue: NamedDependency[Queue],
        links: NamedDependency[MediaLinks],
    ) -> MessageView:
        return MessageView.of(await queue.cancel(request.user, message_id), links)

    @post(
        "/v1/messages/{message_id:str}/resend",
        opt=scoped(Scope.MESSAGES_SEND),
        summary="Send again what failed, was cancelled, or may not have gone out",
        description="Whoever sends an uncertain message again accepts that it may arrive twice.",
    )
    async def resend(
        self,
        request: UserRequest,
        message_id: FromPath[str],
        sending: NamedDependency[Sending],
        answering: NamedDependency[Answering],
    ) -> Response[MessageView]:
        call = call_of(request)
        return await answering.answer(call, sending.resend(call, message_id))
