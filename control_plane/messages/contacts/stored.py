"""Contacts and chats as the fleet writes them: learnt, made one, put at the top."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from control_plane.db.tenancy import SystemRepository
from control_plane.messages.chat_ids import lid_of, phone_of
from control_plane.messages.contacts.models import OF_MANY, OF_TWO, Chat, Contact
from control_plane.messages.contacts.repository import in_chat
from control_plane.messages.models import Message, MessageKey
from control_plane.sessions.models import Session
from shared.ids import new_uuid


class StoredContacts(SystemRepository):
    """Whoever writes here holds the lock of the session's row."""

    async def by_names(
        self, session_id: uuid.UUID, phone: str | None, lid: str | None
    ) -> tuple[Contact | None, Contact | None]:
        """Who has the number, and who has the name that hides it."""
        names = [column == name for column, name in ((Contact.phone, phone), (Contact.lid, lid)) if name]
        if not names:
            return None, None
        query = select(Contact).where(Contact.session_id == session_id, or_(*names))
        found = (await self.session.scalars(query)).all()
        by_phone = next((one for one in found if phone and one.phone == phone), None)
        by_lid = next((one for one in found if lid and one.lid == lid), None)
        return await self._themselves(by_phone), await self._themselves(by_lid)

    async def in_chat(self, session_id: uuid.UUID, chat: str) -> ColumnElement[bool]:
        """As the tenant's repository has it."""
        by_phone, by_lid = await self.by_names(session_id, phone_of(chat), lid_of(chat))
        return in_chat(chat, by_phone or by_lid)

    async def make(self, session: Session, phone: str | None, lid: str | None) -> Contact:
        """A call of the tenant may make the same one at this very moment."""
        new = insert(Contact).values(
            id=new_uuid(), user_id=session.user_id, session_id=session.id, phone=phone, lid=lid
        )
        await self.session.execute(new.on_conflict_do_nothing())
        by_phone, by_lid = await self.by_names(session.id, phone, lid)
        found = by_lid or by_phone
        if found is None:
            raise LookupError("a contact that was just made is not there")
        return found

    async def take_number(self, session_id: uuid.UUID, phone: str) -> None:
        whose = update(Contact).where(Contact.session_id == session_id, Contact.phone == phone)
        await self.session.execute(whose.values(phone=None))

    async def rename(self, contact: Contact, phone: str) -> None:
        """The number that somebody had before still leads to them, until it is told to be another's."""
        query = select(Contact).where(Contact.session_id == contact.session_id, Contact.phone == phone)
        other = (await self.session.scalars(query)).first()
        if other is not None:
            other.phone = None
            await self.session.flush()
        before, contact.phone = contact.phone, phone
        await self.session.flush()
        if before is not None and other is not None:
            other.phone = before
        elif before is not None:
            await self.lead(before, contact)

    async def lead(self, phone: str, contact: Contact) -> None:
        """From one more number of theirs to somebody."""
        whose = {"user_id": contact.user_id, "session_id": contact.session_id}
        self.session.add(Contact(**whose, phone=phone, merged_into=contact.id))
        await self.session.flush()

    async def merge(self, by_phone: Contact, by_lid: Contact) -> Contact:
        """The older stays; all that refers to the other one refers to it from now on."""
        kept, gone = sorted((by_phone, by_lid), key=lambda contact: (contact.created_at, contact.id))
        lid, numbers = by_lid.lid, [one.phone for one in (by_lid, by_phone) if one.phone is not None]
        kept.push_name = kept.push_name or gone.push_name
        kept.phone = kept.lid = gone.phone = gone.lid = None
        await self.session.flush()
        kept.phone, kept.lid = numbers[0], lid
        gone.merged_into, gone.phone = kept.id, numbers[1] if len(numbers) > 1 else None
        await self.session.flush()
        of_gone = (Contact.session_id == gone.session_id, Contact.merged_into == gone.id)
        await self.session.execute(update(Contact).where(*of_gone).values(merged_into=kept.id))
        of_gone = (Message.session_id == gone.session_id, Message.contact_id == gone.id)
        await self.session.execute(update(Message).where(*of_gone).values(contact_id=kept.id))
        await self._move_chat(gone, kept)
        return kept

    async def _move_chat(self, gone: Contact, kept: Contact) -> None:
        of_gone = Chat.session_id == gone.session_id, Chat.contact_id == gone.id
        removed = (
            delete(Chat).where(*of_gone).returning(Chat.chat_id, Chat.last_message_id, Chat.last_message_at)
        )
        for address, message_id, at in (await self.session.execute(removed)).all():
            await self._put_chat(kept, kept.id, address, message_id, at)

    async def put_chat(self, message: Message) -> None:
        await self._put_chat(message, message.contact_id, message.chat_id, message.id, message.created_at)

    async def key_names(
        self, session_id: uuid.UUID, chats: Sequence[str], direction: str, whatsapp_id: str
    ) -> tuple[str, str] | None:
        """Chat and sender of a message that is here already in one of these chats of two."""
        query = select(MessageKey.chat_id, MessageKey.sender).where(
            MessageKey.session_id == session_id,
            MessageKey.chat_id.in_(chats),
            MessageKey.sender.in_(["", *chats]),
            MessageKey.direction == direction,
            MessageKey.whatsapp_message_id == whatsapp_id,
        )
        row: Any = (await self.session.execute(query.limit(1))).first()
        return (row[0], row[1]) if row is not None else None

    async def _put_chat(
        self,
        whose: Contact | Message,
        contact_id: uuid.UUID | None,
        address: str,
        message_id: uuid.UUID,
        at: datetime,
    ) -> None:
        """Its last message is the one that was written last: a history comes in any order."""
        values = {
            "id": new_uuid(),
            "user_id": whose.user_id,
            "session_id": whose.session_id,
            "contact_id": contact_id,
            "chat_id": address,
            "last_message_id": message_id,
            "last_message_at": at,
        }
        await self.session.execute(self._put(of_two=contact_id is not None), values)

    @staticmethod
    @cache
    def _put(*, of_two: bool) -> Any:
        """Built once: each message goes through it."""
        table: Any = Chat.__table__
        new = insert(table)
        before = tuple_(table.c.last_message_at, table.c.last_message_id)
        return new.on_conflict_do_update(
            index_elements=["session_id", "contact_id" if of_two else "chat_id"],
            index_where=OF_TWO if of_two else OF_MANY,
            set_={name: new.excluded[name] for name in ("chat_id", "last_message_id", "last_message_at")},
            where=before < tuple_(new.excluded.last_message_at, new.excluded.last_message_id),
        )

    async def _themselves(self, found: Contact | None) -> Contact | None:
        if found is None or found.merged_into is None:
            return found
        query = select(Contact).where(Contact.id == found.merged_into)
        return (await self.session.scalars(query)).first()
