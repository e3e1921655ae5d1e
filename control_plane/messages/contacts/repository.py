"""Contacts and chats of one tenant."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, true, tuple_
from sqlalchemy.orm.attributes import set_committed_value

from control_plane.db.tenancy import TenantRepository
from control_plane.messages.chat_ids import lid_of, phone_of
from control_plane.messages.contacts.models import Chat, Contact
from control_plane.messages.models import NO_NEWS, UNREAD, Message
from control_plane.messages.receiving.outside import short
from shared.ids import new_uuid

_COUNTED_UNREAD = 1_000
Position = tuple[datetime, uuid.UUID]


class ContactRepository(TenantRepository):
    async def of_chat(self, session_id: uuid.UUID, chat: str) -> Contact | None:
        """The other person of a chat of two, by any of their names."""
        if not (phone_of(chat) or lid_of(chat)):
            return None
        query = self.select(Contact).where(Contact.session_id == session_id, _named(chat))
        return await self._themselves((await self.session.scalars(query)).first())

    async def met(self, session_id: uuid.UUID, chat: str) -> Contact | None:
        """Made, where nobody has written there before; None where more than two write."""
        known = await self.of_chat(session_id, chat)
        phone, lid = phone_of(chat), lid_of(chat)
        if known is not None or not (phone or lid):
            return known
        new = self.insert(Contact, id=new_uuid(), session_id=session_id, phone=phone, lid=lid)
        await self.session.execute(new.on_conflict_do_nothing())
        return await self.of_chat(session_id, chat)

    async def in_chat(self, session_id: uuid.UUID, chat: str) -> ColumnElement[bool]:
        """The one condition for the messages of a chat: of somebody's, under either of their names."""
        return in_chat(chat, await self.of_chat(session_id, chat))

    async def contact(self, session_id: uuid.UUID, contact_id: uuid.UUID) -> Contact | None:
        """Where need be, the one who they turned out to be."""
        query = self.select(Contact).where(Contact.session_id == session_id, Contact.id == contact_id)
        return await self._themselves((await self.session.scalars(query)).first())

    async def of_messages(self, messages: Sequence[Message]) -> Sequence[Contact]:
        """Who is named in them, in chats of two and in groups."""
        known = {message.contact_id for message in messages if message.contact_id is not None}
        lids = {message.lid for message in messages if message.lid is not None}
        phones = {message.phone for message in messages if message.phone is not None}
        ways: list[ColumnElement[bool]] = [
            column.in_(values)
            for column, values in ((Contact.id, known), (Contact.lid, lids), (Contact.phone, phones))
            if values
        ]
        if not ways:
            return []
        sessions = {message.session_id for message in messages}
        query = self.select(Contact).where(Contact.session_id.in_(sessions), or_(*ways))
        return (await self.session.scalars(query)).all()

    async def page(
        self, session_id: uuid.UUID, after: Position | None, limit: int, words: str
    ) -> Sequence[tuple[Contact, datetime | None]]:
        """The newest first, each with the time of its last message."""
        chats = and_(Chat.session_id == Contact.session_id, Chat.contact_id == Contact.id)
        query = (
            self.select_columns(Contact, Contact, Chat.last_message_at)
            .outerjoin(Chat, chats)
            .where(Contact.session_id == session_id, Contact.merged_into.is_(None))
            .order_by(Contact.created_at.desc(), Contact.id.desc())
            .limit(limit)
        )
        if words:
            digits = "".join(filter(str.isdecimal, words))
            columns: list[ColumnElement[bool]] = [Contact.push_name.icontains(words, autoescape=True)]
            if digits:
                columns += [Contact.phone.contains(digits), Contact.lid.contains(digits)]
            query = query.where(or_(*columns))
        if after is not None:
            query = query.where(tuple_(Contact.created_at, Contact.id) < after)
        rows: Any = (await self.session.execute(query)).all()
        return [(contact, moment) for contact, moment in rows]

    async def last_message_at(self, contact: Contact) -> datetime | None:
        query = self.select_columns(Chat, Chat.last_message_at).where(
            Chat.session_id == contact.session_id, Chat.contact_id == contact.id
        )
        moment: datetime | None = await self.session.scalar(query)
        return moment

    async def chats(
        self, session_id: uuid.UUID, after: Position | None, limit: int
    ) -> Sequence[tuple[Chat, Contact | None]]:
        query = (
            self.select_columns(Chat, Chat, Contact)
            .outerjoin(Contact, Contact.id == Chat.contact_id)
            .where(Chat.session_id == session_id)
            .order_by(Chat.last_message_at.desc(), Chat.id.desc())
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(Chat.last_message_at, Chat.id) < after)
        rows: Any = (await self.session.execute(query)).all()
        return [(chat, contact) for chat, contact in rows]

    async def last_messages(self, chats: Sequence[Chat]) -> dict[uuid.UUID, Message]:
        ids = [chat.last_message_id for chat in chats]
        found = (await self.session.scalars(self.select(Message).where(Message.id.in_(ids)))).all()
        return {message.id: message for message in found}

    async def unread(self, session_id: uuid.UUID, chats: Sequence[Chat]) -> dict[uuid.UUID, int]:
        """Counted to a thousand: a number that is kept beside the messages would come to differ from them."""
        of_two = (Chat.contact_id.is_not(None), Message.contact_id == Chat.contact_id)
        of_many = (Chat.contact_id.is_(None), Message.contact_id.is_(None), Message.chat_id == Chat.chat_id)
        found: dict[uuid.UUID, int] = {}
        # One after the other: a condition of both would be answered without the index.
        for kind, *same in (of_two, of_many):
            unread = (
                self.select_columns(Message, Message.id)
                .where(Message.session_id == session_id, UNREAD, Message.type.not_in(NO_NEWS), *same)
                .limit(_COUNTED_UNREAD)
                .correlate(Chat)
                .subquery()
                .lateral()
            )
            query = (
                self.select_columns(Chat, Chat.id, func.count())
                .join(unread, onclause=true())
                .where(Chat.id.in_([chat.id for chat in chats]), kind)
                .group_by(Chat.id)
            )
            rows: Any = (await self.session.execute(query)).all()
            found |= {identity: int(count) for identity, count in rows}
        return found

    async def _themselves(self, found: Contact | None) -> Contact | None:
        if found is None or found.merged_into is None:
            return found
        query = self.select(Contact).where(Contact.id == found.merged_into)
        return (await self.session.scalars(query)).first()


def give_names(messages: Sequence[Message], contacts: Sequence[Contact]) -> None:
    """To what is shown of them; their rows keep what was known when they came."""
    by_id = {contact.id: contact for contact in contacts}
    by_name = {
        (contact.session_id, name): contact
        for contact in contacts
        if contact.merged_into is None
        for name in (contact.phone, contact.lid)
        if name is not None
    }
    for message in messages:
        contact = by_id.get(message.contact_id) if message.contact_id is not None else None
        if contact is None and message.contact_id is None:
            names = ((message.session_id, name) for name in (message.lid, message.phone))
            contact = next((by_name[name] for name in names if name in by_name), None)
        if contact is not None:
            set_committed_value(message, "phone", contact.phone or message.phone)
            set_committed_value(message, "lid", contact.lid or message.lid)


def in_chat(chat: str, contact: Contact | None) -> ColumnElement[bool]:
    """The one condition for the messages of a chat."""
    if contact is not None:
        return Message.contact_id == contact.id
    if phone_of(chat) or lid_of(chat):
        return false()
    return and_(Message.contact_id.is_(None), Message.chat_id == short(chat))


def _named(chat: str) -> ColumnElement[bool]:
    phone, lid = phone_of(chat), lid_of(chat)
    if phone:
        return Contact.phone == phone
    return Contact.lid == lid if lid else false()
