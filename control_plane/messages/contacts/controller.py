"""Whom a session has written with, and its chats in the order of their last messages."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import not_found
from control_plane.http.pagination import DEFAULT_LIMIT, Cursors, Page, PageCursor, PageLimit
from control_plane.http.principal import Access, Principal, Scope, scoped
from control_plane.messages.chat_ids import parse_any_chat_id
from control_plane.messages.contacts.models import Chat, Contact
from control_plane.messages.contacts.repository import ContactRepository, give_names
from control_plane.messages.contacts.schemas import ChatView, ContactView
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.schemas import MessageView
from control_plane.sessions.service import Sessions
from shared.ids import parse_public_id

UserRequest = Request[Principal, Access, Any]
Words = Annotated[
    str, QueryParameter(name="q", max_length=100, description="A part of the name, or digits of the number")
]


class ContactController(Controller):
    path = "/v1/sessions/{session_id:str}"
    opt = scoped(Scope.MESSAGES_READ)

    @get("/contacts", summary="Whom the session has heard of, the newest first", tags=["Contacts"])
    async def page(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
        cursors: NamedDependency[Cursors],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
        words: Words = "",
    ) -> Page[ContactView]:
        session = await sessions.session(request.user, session_id)
        listing = f"contacts/{request.user.user_id}/{session.id}/{words}"
        after = cursors.decode(listing, page_cursor)
        rows = await ContactRepository(db).page(session.id, after, page_limit + 1, words)
        return cursors.page(listing, rows, page_limit, lambda row: ContactView.of(*row), _first_seen)

    @get(
        "/contacts/{contact:str}",
        summary="One contact, by its id, its number, or the name that hides it",
        tags=["Contacts"],
    )
    async def contact(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        contact: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
    ) -> ContactView:
        session = await sessions.session(request.user, session_id)
        contacts, identity = ContactRepository(db), parse_public_id("con", contact)
        if identity is not None:
            found = await contacts.contact(session.id, identity)
        else:
            found = await contacts.of_chat(session.id, parse_any_chat_id(contact, "/contact"))
        if found is None:
            raise not_found("contact")
        return ContactView.of(found, await contacts.last_message_at(found))

    @get("/chats", summary="The chats, the one with the latest message first", tags=["Chats"])
    async def chats(
        self,
        request: UserRequest,
        session_id: FromPath[str],
        db: NamedDependency[AsyncSession],
        sessions: NamedDependency[Sessions],
        cursors: NamedDependency[Cursors],
        links: NamedDependency[MediaLinks],
        page_limit: PageLimit = DEFAULT_LIMIT,
        page_cursor: PageCursor = "",
    ) -> Page[ChatView]:
        session = await sessions.session(request.user, session_id)
        listing = f"chats/{request.user.user_id}/{session.id}"
        contacts = ContactRepository(db)
        rows = await contacts.chats(session.id, cursors.decode(listing, page_cursor), page_limit + 1)
        chats = [chat for chat, _ in rows]
        last, unread = await contacts.last_messages(chats), await contacts.unread(session.id, chats)
        messages = list(last.values())
        give_names(messages, await contacts.of_messages(messages))

        def view(row: tuple[Chat, Contact | None]) -> ChatView:
            chat, contact = row
            message = last.get(chat.last_message_id)
            shown = MessageView.of(message, links) if message is not None else None
            return ChatView.of(chat, contact, unread.get(chat.id, 0), shown)

        return cursors.page(listing, rows, page_limit, view, _last_written)


def _first_seen(row: tuple[Contact, datetime | None]) -> tuple[datetime, UUID]:
    return row[0].created_at, row[0].id


def _last_written(row: tuple[Chat, Contact | None]) -> tuple[datetime, UUID]:
    return row[0].last_message_at, row[0].id
