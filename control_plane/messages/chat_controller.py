"""What people do in chats beside writing: look whether a number is there, show that they type, read."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from control_plane.accounts.schemas import Answer, Body
from control_plane.errors import AppError, Code
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.messages.asking import Asking
from control_plane.messages.chat_ids import parse_any_chat_id, parse_chat_id, phone_of
from control_plane.messages.contacts.acquaintance import Acquaintance
from control_plane.messages.reading import MOST_AT_ONCE, Reading
from shared.contracts.commands import NumbersWish, TypingWish

UserRequest = Request[Principal, Access, Any]
Phone = Annotated[str, QueryParameter(name="phone", max_length=100, description="With its country code")]


class TypingState(StrEnum):
    TYPING = "typing"
    RECORDING = "recording"
    PAUSED = "paused"


class TypingBody(Body):
    state: TypingState = TypingState.TYPING


class ReadBody(Body):
    """Without `messageIds`, all that is unread in the chat, up to 500."""

    message_ids: (
        Annotated[
            list[Annotated[str, msgspec.Meta(max_length=200)]],
            msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE),
        ]
        | None
    ) = None


class NumberView(Answer):
    """`chatId` and `lid` are the names that the network knows it by; null for a number that nobody has."""

    phone: str
    exists: bool
    chat_id: str | None
    lid: str | None


class ReadView(Answer):
    read: int


class ChatController(Controller):
    path = "/v1/sessions/{session_id:str}"
    tags = ["Chats"]
    opt = scoped(Scope.MESSAGES_SEND)

    @get("/contacts/check", summary="Whether a phone number has WhatsApp")
    async def check(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        asking: NamedDependency[Asking],
        acquaintance: NamedDependency[Acquaintance],
        phone: Phone,
    ) -> NumberView:
        number = phone_of(parse_chat_id(phone, "/phone"))
        if number is None:
            raise AppError(
                Code.INVALID_CHAT_ID,
                "Write a number with its country code, such as +4915112345678.",
                errors=[{"pointer": "/phone", "detail": "is no phone number"}],
            )
        answer = await asking.ask(
            request.user, session_id, lambda session: NumbersWish(epoch=session.epoch, phones=(number,))
        )
        found = next(iter(answer.numbers), None)
        exists = found is not None and found.exists
        if found is not None and found.lid:
            await acquaintance.learn(request.user, session_id, phone_of(found.chat) or number, found.lid)
        return NumberView(
            phone=number,
            exists=exists,
            chat_id=found.chat or None if found is not None else None,
            lid=found.lid or None if found is not None else None,
        )

    @post("/chats/{chat_id:str}/typing", status_code=204, summary="Show that somebody types or records")
    async def typing(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        chat_id: FromPath[str],
        asking: NamedDependency[Asking],
        data: JSONBody[TypingBody | None] = None,
    ) -> None:
        chat, state = parse_chat_id(chat_id, "/chatId"), (data or TypingBody()).state
        await asking.ask(
            request.user,
            session_id,
            lambda session: TypingWish(epoch=session.epoch, chat=chat, state=state),
        )

    @post(
        "/chats/{chat_id:str}/read", status_code=200, summary="Tell the writers that their messages were read"
    )
    async def read(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        chat_id: FromPath[str],
        reading: NamedDependency[Reading],
        data: JSONBody[ReadBody | None] = None,
    ) -> ReadView:
        only = data.message_ids if data is not None else None
        chat = parse_any_chat_id(chat_id, "/chatId")
        return ReadView(read=await reading.read(request.user, session_id, chat, only))
