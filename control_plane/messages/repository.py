"""Messages of one tenant, and the same rows as the fleet writes them."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, any_, func, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.messages.contacts.repository import ContactRepository, give_names
from control_plane.messages.models import NO_NEWS, WORDS, Message, MessageKey
from shared.ids import parse_public_id

# More of them are not fetched one by one.
_RARE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What of a history is wanted; empty where everything is."""

    chat: str = ""
    direction: str = ""
    kind: str = ""
    status: str = ""
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """All but the words, and the chat, of which only a repository can tell under which names it goes."""
        for column, value in (
            (Message.direction, self.direction),
            (Message.type, self.kind),
            (Message.status, self.status),
        ):
            if value:
                yield column == value
        if self.since is not None:
            yield Message.created_at >= self.since
        if self.until is not None:
            yield Message.created_at < self.until


class MessageRepository(TenantRepository):
    async def message(self, message_id: uuid.UUID) -> Message | None:
        query = self.select(Message).where(Message.id == message_id)
        return next(iter(await self._with_names(query)), None)

    async def sent_by(
        self, session_id: uuid.UUID, whatsapp_id: str, message_id: uuid.UUID | None
    ) -> Message | None:
        """By either of its ids."""
        query = self.select(Message).where(
            Message.session_id == session_id,
            Message.direction == "outbound",
            or_(Message.whatsapp_message_id == whatsapp_id, Message.id == message_id),
        )
        return (await self.session.scalars(query)).first()

    async def of_session(
        self, session_id: uuid.UUID, whatsapp_id: str, message_id: uuid.UUID | None
    ) -> Message | None:
        """By either of its ids, whoever wrote it."""
        query = self.select(Message).where(
            Message.session_id == session_id,
            or_(Message.whatsapp_message_id == whatsapp_id, Message.id == message_id),
        )
        return (await self.session.scalars(query.order_by(Message.created_at).limit(1))).first()

    async def unread(
        self, session_id: uuid.UUID, chat: str, limit: int, *, only: Sequence[str] | None
    ) -> Sequence[Message]:
        """Inbound, the oldest first; `only` names them by our id or the network's."""
        query = self.select(Message).where(
            Message.session_id == session_id,
            Message.direction == "inbound",
            Message.read_at.is_(None),
            Message.history.is_(False),
            Message.whatsapp_message_id.is_not(None),
            Message.type.not_in(NO_NEWS),
            await ContactRepository(self.session).in_chat(session_id, chat),
        )
        if only is not None:
            ids = [identity for one in only if (identity := parse_public_id("msg", one)) is not None]
            query = query.where(or_(Message.whatsapp_message_id.in_(only), Message.id.in_(ids)))
        newest = query.order_by(Message.created_at.desc(), Message.id.desc()).limit(limit)
        return list(reversed((await self.session.scalars(newest)).all()))

    async def mark_read(self, ids: Sequence[uuid.UUID], at: datetime) -> None:
        await self.session.execute(self.update(Message).where(Message.id.in_(ids)).values(read_at=at))

    async def page(
        self, session_id: uuid.UUID, after: tuple[datetime, uuid.UUID] | None, limit: int, wanted: Filters
    ) -> Sequence[Message]:
        query = (
            self.select(Message)
            .where(*await self.conditions(session_id, wanted))
            .order_by(Message.created_at.desc(), Message.id.desc())
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(Message.created_at, Message.id) < after)
        return await self._with_names(query)

    async def conditions(self, session_id: uuid.UUID, wanted: Filters) -> Sequence[ColumnElement[bool]]:
        found = [Message.session_id == session_id, *wanted.conditions()]
        if wanted.chat:
            found.append(await ContactRepository(self.session).in_chat(session_id, wanted.chat))
        if wanted.words:
            found.append(await self._with_words(session_id, wanted.words))
        return found

    async def _with_words(self, session_id: uuid.UUID, words: str) -> ColumnElement[bool]:
        """Where they are rare, by the index, which row-level security keeps from the role of tenants.

        Where they are common, page after page is looked through: enough of them are found soon.
        """
        some = func.message_ids_with_words(session_id, words, _RARE + 1)
        ids = list((await self.session.scalars(some.select())).all())
        if len(ids) <= _RARE:
            return Message.id == any_(literal(ids, ARRAY(Uuid)))
        return WORDS.op("@@")(func.websearch_to_tsquery("simple", words))

    async def _with_names(self, query: Select[Message]) -> Sequence[Message]:
        """Each with both names of the one at the other end, or of its writer, also if learnt after it came.

        They are looked up here: to write what was learnt into all earlier messages could take minutes.
        """
        messages = (await self.session.scalars(query)).all()
        give_names(messages, await ContactRepository(self.session).of_messages(messages))
        return messages


class StoredMessages(SystemRepository):
    async def claim_key(self, **key: Any) -> bool:
        """False: a message of this key is stored already."""
        statement = insert(MessageKey).values(**key).on_conflict_do_nothing()
        result: Any = await self.session.execute(statement)
        return bool(result.rowcount)

    async def named(self, by: Message, whatsapp_id: str) -> Message | None:
        """The one of the same chat that has this id of the network; locked.

        Somebody may have been written to by their number, and answer under the name that hides it.
        """
        same_chat = [Message.chat_id == by.chat_id]
        if by.contact_id is not None:
            same_chat.append(Message.contact_id == by.contact_id)
        query = (
            select(Message)
            .where(
                Message.session_id == by.session_id,
                Message.whatsapp_message_id == whatsapp_id,
                or_(*same_chat),
                Message.id != by.id,
            )
            .order_by(Message.created_at, Message.id)
            .limit(1)
            .with_for_update()
        )
        return (await self.session.scalars(query)).first()

    async def with_file(
        self, session_id: uuid.UUID, chat: str, sender: str, whatsapp_id: str
    ) -> Message | None:
        """Locked. In a group two people may use the same id."""
        query = select(Message).where(
            Message.session_id == session_id,
            Message.chat_id == chat,
            Message.sender == sender,
            Message.whatsapp_message_id == whatsapp_id,
        )
        return (await self.session.scalars(query.limit(1).with_for_update())).first()

    async def locked(self, message_id: uuid.UUID) -> Message:
        query = select(Message).where(Message.id == message_id).with_for_update()
        return (await self.session.scalars(query)).one()
