"""Erasing what was written, in a chat or in a whole session: rows, files, and what the log of events repeats.

The rows go, not only their words: nothing would be left in them that anybody could use. Their keys stay, so
that a phone that tells them again does not bring them back.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    Uuid,
    and_,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base, BelongsToUser, HasCreationTime
from control_plane.db.claim_loop import ClaimLoop, ClaimLostError
from control_plane.db.claims import Claim, Claims, HasClaim
from control_plane.db.engine import Database, SystemSite
from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.events.models import LoggedEvent
from control_plane.messages.broadcasts.keeping import KeptBroadcasts
from control_plane.messages.chat_ids import lid_of, phone_of
from control_plane.messages.contacts.models import Chat
from control_plane.messages.contacts.stored import StoredContacts
from control_plane.messages.history.retention import UNFINISHED, RetainedMessages
from control_plane.messages.models import Message
from control_plane.sessions.repository import SupervisedSessions
from shared.ids import new_uuid

log = structlog.get_logger(__name__)

# What an event keeps of a message that is erased: that there was one, and what became of it.
_LEFT = (
    *("sessionId", "name", "id", "messageId", "whatsappMessageId"),
    *("direction", "type", "status", "ack", "timestamp"),
)
_MESSAGE = "^msg-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$"
_AT_ONCE = 500
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


class Erasure(HasClaim, BelongsToUser, HasCreationTime, Base):
    """Of a chat, or of all where `chat_id` is empty; of messages up to the id that was the newest then."""

    __tablename__ = "erasures"

    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    chat_id: Mapped[str] = mapped_column(server_default="")
    up_to: Mapped[uuid.UUID]
    # Up to which the events of the session are done.
    sequence: Mapped[int] = mapped_column(BigInteger, server_default="0")
    messages: Mapped[int] = mapped_column(BigInteger, server_default="0")
    files: Mapped[int] = mapped_column(BigInteger, server_default="0")
    events: Mapped[int] = mapped_column(BigInteger, server_default="0")
    done_at: Mapped[datetime | None]


class Erasures(TenantRepository):
    async def begin(self, session_id: uuid.UUID, chat: str) -> Erasure:
        new = self.insert(Erasure, id=new_uuid(), session_id=session_id, chat_id=chat, up_to=new_uuid())
        return (await self.session.scalars(new.returning(Erasure))).one()

    async def erasure(self, session_id: uuid.UUID, erasure_id: uuid.UUID) -> Erasure | None:
        query = self.select(Erasure).where(Erasure.session_id == session_id, Erasure.id == erasure_id)
        return (await self.session.scalars(query)).first()


class ErasedMessages(SystemRepository):
    """The session's row is locked: nobody writes events of it, or receipts of its messages, meanwhile."""

    async def redact(self, erasure: Erasure, first: int, last: int) -> int:
        """The events of these numbers that repeat what is erased."""
        named = cast(func.substring(LoggedEvent.data["id"].astext, _MESSAGE), Uuid)
        of_erased = exists().where(Message.id == named, *await self._erased(erasure))
        # Of some the message is gone already, because it grew old.
        of_chat = LoggedEvent.data["chatId"].astext == erasure.chat_id if erasure.chat_id else true()
        before = and_(LoggedEvent.created_at <= erasure.created_at, of_chat)
        statement = (
            update(LoggedEvent)
            .where(
                LoggedEvent.session_id == erasure.session_id,
                LoggedEvent.sequence.between(first, last),
                LoggedEvent.type.startswith("message."),
                ~LoggedEvent.data.has_key("erased"),
                or_(before, of_erased),
            )
            .values(data=_left())
            .execution_options(synchronize_session=False)
        )
        result: Any = await self.session.execute(statement)
        return int(result.rowcount)

    async def remove(self, erasure: Erasure, limit: int) -> tuple[int, int]:
        """How many messages, and how many of their files."""
        query = select(Message).where(*await self._erased(erasure)).limit(limit).with_for_update()
        gone = (await self.session.scalars(query)).all()
        files = await RetainedMessages(self.session).remove(erasure.session_id, erasure.user_id, gone)
        return len(gone), files

    async def remove_broadcasts(self, erasure: Erasure, limit: int) -> bool:
        """With a whole session. Whether there are more of them."""
        if erasure.chat_id:
            return False
        broadcasts = KeptBroadcasts(self.session)
        return await broadcasts.erase(erasure.user_id, erasure.session_id, erasure.created_at, limit) >= limit

    async def close(self, erasure: Erasure) -> None:
        """What is empty now stands in the list of chats no longer."""
        chats = delete(Chat).where(
            Chat.session_id == erasure.session_id, Chat.last_message_id <= erasure.up_to
        )
        if erasure.chat_id:
            names = phone_of(erasure.chat_id), lid_of(erasure.chat_id)
            by_phone, by_lid = await StoredContacts(self.session).by_names(erasure.session_id, *names)
            contact = by_phone or by_lid
            chats = chats.where(
                Chat.contact_id == contact.id if contact is not None else Chat.chat_id == erasure.chat_id
            )
        await self.session.execute(chats)

    async def _erased(self, erasure: Erasure) -> Sequence[ColumnElement[bool]]:
        """What is on its way is not taken away from those who send it."""
        erased = [
            Message.session_id == erasure.session_id,
            Message.user_id == erasure.user_id,
            Message.id <= erasure.up_to,
            Message.status.not_in(UNFINISHED),
        ]
        if erasure.chat_id:
            erased.append(await StoredContacts(self.session).in_chat(erasure.session_id, erasure.chat_id))
        return erased


class ErasingLoop:
    """One step for each claim, so that a large erasure holds no lock for long and goes on after a crash."""

    def __init__(self, database: Database, *, at_once: int = _AT_ONCE, idle_seconds: float = 1.0) -> None:
        self._database = database
        self._at_once = at_once
        self._claims = Claims(Erasure, lease=timedelta(seconds=60))
        self.loop = ClaimLoop(
            "erasing",
            self._claims,
            self._step,
            database,
            SystemSite.ERASING,
            concurrency=2,
            idle_seconds=idle_seconds,
        )

    async def _step(self, claim: Claim) -> None:
        async with self._database.system(SystemSite.ERASING) as db:
            if not await self._claims.finish(db, claim, attempts=0, **await self._stepped(db, claim)):
                raise ClaimLostError

    async def _stepped(self, db: AsyncSession, claim: Claim) -> dict[str, Any]:
        """What its row says after this step."""
        erasure = Erasure(**claim.row)
        sessions = await SupervisedSessions(db).locked([erasure.session_id])
        if not sessions:
            # And with it the erasure's own row.
            raise ClaimLostError
        erased = ErasedMessages(db)
        last = min(sessions[0].sequence, erasure.sequence + 2 * self._at_once)
        events = await erased.redact(erasure, erasure.sequence + 1, last)
        found: dict[str, Any] = {"sequence": last, "events": erasure.events + events}
        found["due_at"] = func.clock_timestamp()
        if last < sessions[0].sequence:
            return found
        messages, files = await erased.remove(erasure, self._at_once)
        found |= {"messages": erasure.messages + messages, "files": erasure.files + files}
        if messages == self._at_once or await erased.remove_broadcasts(erasure, self._at_once):
            return found
        await erased.close(erasure)
        log.info("erased", erasure=str(erasure.id), messages=found["messages"], events=found["events"])
        return found | {"due_at": _NEVER, "done_at": func.clock_timestamp()}


def _left() -> ColumnElement[Any]:
    left = func.jsonb_strip_nulls(
        func.jsonb_build_object(
            *(part for name in _LEFT for part in (name, LoggedEvent.data[name])), "erased", True
        )
    )
    return cast(left, JSONB)
