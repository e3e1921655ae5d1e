"""Erasing what was written, and looking how far that has come."""

from datetime import datetime
from typing import Any

from litestar import Controller, Request, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.schemas import Answer
from control_plane.errors import not_found
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.messages.chat_ids import parse_any_chat_id
from control_plane.messages.history.erasing import Erasure, Erasures
from control_plane.sessions.service import Sessions
from shared.ids import parse_public_id, public_id

UserRequest = Request[Principal, Access, Any]

_WHAT_GOES = (
    "With the messages that are there now go their files, and what events repeat of them. What is still on"
    " its way stays. So does the mark by which a message is known: told again, it is not stored again."
)


class ErasureView(Answer):
    """`chatId` is null where it is the whole session; counts grow until it is done."""

    id: str
    session_id: str
    chat_id: str | None
    status: str
    messages: int
    files: int
    events: int
    created_at: datetime
    done_at: datetime | None

    @classmethod
    def of(cls, erasure: Erasure) -> "ErasureView":
        return cls(
            id=public_id("era", erasure.id),
            session_id=public_id("ses", erasure.session_id),
            chat_id=erasure.chat_id or None,
            status="pending" if erasure.done_at is None else "done",
            messages=erasure.messages,
            files=erasure.files,
            events=erasure.events,
            created_at=erasure.created_at,
            done_at=erasure.done_at,
        )


class ErasureController(Controller):
    path = "/v1/sessions/{session_id:str}"
    tags = ["Messages"]

    @delete(
        "/messages",
        opt=scoped(Scope.SESSIONS_WRITE),
        status_code=202,
        summary="Erase all messages of a session",
        description=_WHAT_GOES,
    )
    async def all(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
    ) -> ErasureView:
        session = await sessions.session(request.user, session_id)
        return ErasureView.of(await Erasures(db).begin(session.id, ""))

    @delete(
        "/chats/{chat_id:str}/messages",
        opt=scoped(Scope.SESSIONS_WRITE),
        status_code=202,
        summary="Erase the messages of a chat",
        description=_WHAT_GOES,
    )
    async def of_chat(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        chat_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
    ) -> ErasureView:
        session = await sessions.session(request.user, session_id)
        return ErasureView.of(await Erasures(db).begin(session.id, parse_any_chat_id(chat_id, "/chatId")))

    @get(
        "/erasures/{erasure_id:str}",
        opt=scoped(Scope.MESSAGES_READ),
        summary="How far an erasure has come",
    )
    async def erasure(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        erasure_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
    ) -> ErasureView:
        session = await sessions.session(request.user, session_id)
        identity = parse_public_id("era", erasure_id)
        found = await Erasures(db).erasure(session.id, identity) if identity is not None else None
        if found is None:
            raise not_found("erasure")
        return ErasureView.of(found)
