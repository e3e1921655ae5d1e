"""The rows of receipts, as the fleet writes them and as their owner reads them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.messages.models import Message
from control_plane.messages.receiving.receipt_models import EarlyReceipt, MessageReceipt
from control_plane.sessions.models import Session
from shared.ids import new_uuid

# A send whose outcome is not known may be cleared up as late as that.
_EARLY_FOR = timedelta(days=1)
# Strangers may tell of messages that never were.
_MOST_EARLY = 1_000


class StoredReceipts(SystemRepository):
    async def sent(self, session_id: uuid.UUID, whatsapp_ids: Sequence[str]) -> Sequence[Message]:
        """What this session sent under these ids; locked."""
        query = (
            select(Message)
            .where(
                Message.session_id == session_id,
                Message.direction == "outbound",
                Message.whatsapp_message_id.in_(whatsapp_ids),
            )
            .order_by(Message.id)
            .with_for_update()
        )
        # What this transaction has changed of them so far has nothing to do with which they are.
        with self.session.no_autoflush:
            return (await self.session.scalars(query)).all()

    async def read_on_the_phone(
        self, session_id: uuid.UUID, whatsapp_ids: Sequence[str], at: datetime
    ) -> None:
        read = update(Message).where(
            Message.session_id == session_id,
            Message.direction == "inbound",
            Message.whatsapp_message_id.in_(whatsapp_ids),
            Message.read_at.is_(None),
        )
        await self.session.execute(read.values(read_at=at))

    async def put(
        self,
        message: Message,
        reader: str,
        moments: Mapping[str, datetime],
        names: Mapping[str, str | None],
    ) -> bool:
        """False where all of it is known; what is known never changes."""
        statement = insert(MessageReceipt).values(
            user_id=message.user_id,
            session_id=message.session_id,
            message_id=message.id,
            reader=reader,
            **moments,
            **names,
        )
        known, told = MessageReceipt.__table__.c, statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=[MessageReceipt.message_id, MessageReceipt.reader],
            set_={name: func.coalesce(known[name], told[name]) for name in (*moments, *names)},
            where=or_(*(known[name].is_(None) for name in moments)),
        )
        result: Any = await self.session.execute(statement)
        return bool(result.rowcount)

    async def keep_early(
        self, session: Session, whatsapp_ids: Sequence[str], fields: Mapping[str, Any]
    ) -> None:
        """The newest ones, for a day."""
        row = {"user_id": session.user_id, "session_id": session.id, **fields}
        rows = [{"id": new_uuid(), **row, "whatsapp_message_id": one} for one in whatsapp_ids[:_MOST_EARLY]]
        await self.session.execute(insert(EarlyReceipt).values(rows).on_conflict_do_nothing())
        own = EarlyReceipt.session_id == session.id
        newest = select(EarlyReceipt.created_at).where(own).order_by(EarlyReceipt.created_at.desc())
        too_many = newest.offset(_MOST_EARLY).limit(1).scalar_subquery()
        old = EarlyReceipt.created_at < datetime.now(UTC) - _EARLY_FOR
        gone = delete(EarlyReceipt).where(own, or_(old, EarlyReceipt.created_at <= too_many))
        await self.session.execute(gone.execution_options(synchronize_session=False))

    async def take_early(self, session_id: uuid.UUID, whatsapp_id: str) -> Sequence[EarlyReceipt]:
        """In the order in which they came; they are gone then."""
        statement = (
            delete(EarlyReceipt)
            .where(EarlyReceipt.session_id == session_id, EarlyReceipt.whatsapp_message_id == whatsapp_id)
            .returning(EarlyReceipt)
        )
        found = (await self.session.scalars(statement)).all()
        return sorted(found, key=lambda receipt: receipt.created_at)


class ReceiptRepository(TenantRepository):
    async def counts(self, message_id: uuid.UUID) -> tuple[int, int, int]:
        """Who has got it, read it, played it."""
        columns = (
            func.count(MessageReceipt.delivered_at),
            func.count(MessageReceipt.read_at),
            func.count(MessageReceipt.played_at),
        )
        query = self.select_columns(MessageReceipt, *columns).where(MessageReceipt.message_id == message_id)
        delivered, read, played = (await self.session.execute(query)).one()
        return int(delivered), int(read), int(played)

    async def page(
        self, message_id: uuid.UUID, after: tuple[datetime, uuid.UUID] | None, limit: int
    ) -> Sequence[MessageReceipt]:
        """The first to answer first."""
        query = (
            self.select(MessageReceipt)
            .where(MessageReceipt.message_id == message_id)
            .order_by(MessageReceipt.created_at, MessageReceipt.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(MessageReceipt.created_at, MessageReceipt.id) > after)
        return (await self.session.scalars(query)).all()
