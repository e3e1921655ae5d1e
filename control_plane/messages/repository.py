"""Messages of one tenant, and the same rows as the fleet writes them."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.messages.chat_ids import phone_of
from control_plane.messages.models import WORDS, Message, MessageKey
from shared.ids import parse_public_id


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
        if self.chat:
            # Somebody may write under a name that hides the number; where it is known, it is the same chat.
            yield or_(Message.chat_id == self.chat, _hidden(self.chat))
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
        if self.words:
            yield WORDS.op("@@")(func.websearch_to_tsquery("simple", self.words))


class MessageRepository(TenantRepository):
    async def message(self, message_id: uuid.UUID) -> Message | None:
        return (await self.session.scalars(self.select(Message).where(Message.id == message_id))).first()

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
            or_(Message.chat_id == chat, _hidden(chat)),
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
            .where(Message.session_id == session_id, *wanted.conditions())
            .order_by(Message.created_at.desc(), Message.id.desc())
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(Message.created_at, Message.id) < after)
        return (await self.session.scalars(query)).all()


def _hidden(chat: str) -> ColumnElement[bool]:
    return and_(Message.chat_id.endswith("@lid"), Message.phone == phone_of(chat))


class StoredMessages(SystemRepository):
    async def claim_key(self, **key: Any) -> bool:
        """False: a message of this key is stored already."""
        statement = insert(MessageKey).values(**key).on_conflict_do_nothing()
        result: Any = await self.session.execute(statement)
        return bool(result.rowcount)

    async def named(self, by: Message, whatsapp_id: str) -> Message | None:
        """The one of the same chat that has this id of the network; locked.

        A chat may have been written to by its number, and answer under the name that hides it.
        """
        of_two = and_(~Message.chat_id.endswith("@g.us"), Message.phone == by.phone)
        same_chat = [Message.chat_id == by.chat_id, *([of_two] if by.phone else [])]
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

    async def with_file(self, session_id: uuid.UUID, chat: str, whatsapp_id: str) -> Message | None:
        """Locked."""
        query = select(Message).where(
            Message.session_id == session_id,
            Message.chat_id == chat,
            Message.whatsapp_message_id == whatsapp_id,
        )
        return (await self.session.scalars(query.limit(1).with_for_update())).first()

    async def locked(self, message_id: uuid.UUID) -> Message:
        query = select(Message).where(Message.id == message_id).with_for_update()
        return (await self.session.scalars(query)).one()

    async def below(self, session_id: uuid.UUID, whatsapp_ids: Sequence[str], ack: int) -> Sequence[Message]:
        """What this session sent under these ids, and what has not come so far yet; locked."""
        query = (
            select(Message)
            .where(
                Message.session_id == session_id,
                Message.direction == "outbound",
                Message.whatsapp_message_id.in_(whatsapp_ids),
                Message.ack < ack,
            )
            .order_by(Message.id)
            .with_for_update()
        )
        return (await self.session.scalars(query)).all()
