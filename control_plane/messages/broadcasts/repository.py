"""The rows of broadcasts: as their owner makes and reads them, and as whoever feeds them changes them."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, tuple_, update
from sqlalchemy.orm import aliased

from control_plane.accounts.models import User
from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.messages.broadcasts.checking import Recipient
from control_plane.messages.broadcasts.models import OVER, Broadcast, BroadcastRecipient
from control_plane.messages.chat_ids import lid_of, phone_of
from control_plane.messages.contacts.models import Contact
from control_plane.messages.models import Message
from control_plane.messages.queue.models import Outbox
from control_plane.tiers.limits import Limits, limits_of
from shared.ids import new_uuid

Position = tuple[datetime, uuid.UUID]
Counts = dict[str, int]


class BroadcastRepository(TenantRepository):
    async def identities(self, session_id: uuid.UUID, chats: Sequence[str]) -> dict[str, str]:
        """One word for each of these that the session knows a contact of: the same for all of their names."""
        phones = {phone: chat for chat in chats if (phone := phone_of(chat))}
        lids = {lid: chat for chat in chats if (lid := lid_of(chat))}
        query = self.select_columns(
            Contact, Contact.phone, Contact.lid, func.coalesce(Contact.merged_into, Contact.id)
        ).where(
            Contact.session_id == session_id,
            or_(Contact.phone.in_(phones), Contact.lid.in_(lids)),
        )
        found: dict[str, str] = {}
        for phone, lid, identity in (await self.session.execute(query)).all():
            named = (phones.get(phone or ""), lids.get(lid or ""))
            found |= {chat: str(identity) for chat in named if chat is not None}
        return found

    async def unfinished(self, session_id: uuid.UUID) -> int:
        query = self.select_columns(Broadcast, func.count()).where(
            Broadcast.session_id == session_id, Broadcast.status.not_in(OVER)
        )
        return int(await self.session.scalar(query) or 0)

    async def add(self, broadcast: Broadcast, recipients: Sequence[Recipient]) -> None:
        self.session.add(broadcast)
        await self.session.flush()
        rows = [
            {
                "broadcast_id": broadcast.id,
                "id": new_uuid(),
                "user_id": self.tenant,
                "position": recipient.position,
                "chat_id": recipient.chat,
                "variables": recipient.variables,
                "created_at": broadcast.created_at,
            }
            for recipient in recipients
        ]
        await self.session.execute(self.insert(BroadcastRecipient), rows)

    async def broadcast(self, session_id: uuid.UUID, broadcast_id: uuid.UUID) -> Broadcast | None:
        query = self.select(Broadcast).where(Broadcast.session_id == session_id, Broadcast.id == broadcast_id)
        return (await self.session.scalars(query)).first()

    async def page(self, session_id: uuid.UUID, after: Position | None, limit: int) -> Sequence[Broadcast]:
        query = (
            self.select(Broadcast)
            .where(Broadcast.session_id == session_id)
            .order_by(Broadcast.created_at.desc(), Broadcast.id.desc())
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(Broadcast.created_at, Broadcast.id) < after)
        return (await self.session.scalars(query)).all()

    async def recipients(
        self, broadcast_id: uuid.UUID, statuses: Sequence[str], after: Position | None, limit: int
    ) -> Sequence[BroadcastRecipient]:
        """In the order in which they were given; of these statuses, or all."""
        query = (
            self.select(BroadcastRecipient)
            .where(BroadcastRecipient.broadcast_id == broadcast_id)
            .order_by(BroadcastRecipient.id)
            .limit(limit)
        )
        if statuses:
            query = query.where(BroadcastRecipient.status.in_(statuses))
        if after is not None:
            query = query.where(BroadcastRecipient.id > after[1])
        return (await self.session.scalars(query)).all()

    async def counts(self, broadcast_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Counts]:
        columns = BroadcastRecipient.broadcast_id, BroadcastRecipient.status, func.count()
        return _by_broadcast(
            (
                await self.session.execute(
                    _grouped(self.select_columns(BroadcastRecipient, *columns), broadcast_ids)
                )
            ).all()
        )


class StoredBroadcasts(SystemRepository):
    """Whoever calls these holds the lock of the session's row."""

    async def session_of(self, broadcast_id: uuid.UUID) -> uuid.UUID | None:
        query = select(Broadcast.session_id).where(Broadcast.id == broadcast_id)
        found: uuid.UUID | None = await self.session.scalar(query)
        return found

    async def locked(self, broadcast_id: uuid.UUID) -> Broadcast | None:
        query = select(Broadcast).where(Broadcast.id == broadcast_id).with_for_update()
        return (await self.session.scalars(query.execution_options(populate_existing=True))).first()

    async def counts(self, broadcast_id: uuid.UUID) -> Counts:
        columns = BroadcastRecipient.broadcast_id, BroadcastRecipient.status, func.count()
        rows = (await self.session.execute(_grouped(select(*columns), [broadcast_id]))).all()
        return _by_broadcast(rows).get(broadcast_id, {})

    async def waiting(self, broadcast_id: uuid.UUID, limit: int) -> Sequence[BroadcastRecipient]:
        query = (
            select(BroadcastRecipient)
            .where(BroadcastRecipient.broadcast_id == broadcast_id, BroadcastRecipient.status == "waiting")
            .order_by(BroadcastRecipient.id)
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    async def end_waiting(self, broadcast_id: uuid.UUID, status: str, error: str | None) -> None:
        """Of those that have no message yet."""
        waiting = BroadcastRecipient.broadcast_id == broadcast_id, BroadcastRecipient.status == "waiting"
        await self.session.execute(
            update(BroadcastRecipient)
            .where(*waiting)
            .values(status=status, error=error)
            .execution_options(synchronize_session=False)
        )

    async def fed(self, broadcast: Broadcast) -> Sequence[Message]:
        """The messages of it that wait in the queue, and that nobody sends at this moment; locked."""
        query = (
            select(Message)
            .join(BroadcastRecipient, BroadcastRecipient.message_id == Message.id)
            .where(
                BroadcastRecipient.broadcast_id == broadcast.id,
                BroadcastRecipient.status == "queued",
                Message.status == "queued",
            )
            .order_by(Message.place)
            .with_for_update(of=Message)
        )
        return (await self.session.scalars(query.execution_options(populate_existing=True))).all()

    async def wait_again(self, broadcast_id: uuid.UUID, message_ids: Sequence[uuid.UUID]) -> None:
        """As if they had never been fed; the messages are gone."""
        of_these = (
            BroadcastRecipient.broadcast_id == broadcast_id,
            BroadcastRecipient.message_id.in_(message_ids),
        )
        for statement in (
            update(BroadcastRecipient).where(*of_these).values(status="waiting", message_id=None),
            delete(Message).where(Message.id.in_(message_ids)),
        ):
            await self.session.execute(statement, execution_options={"synchronize_session": False})

    async def outbox(self, session_id: uuid.UUID) -> Outbox | None:
        query = select(Outbox).where(Outbox.id == session_id).execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def limits(self, user_id: uuid.UUID) -> Limits | None:
        """None for an account that is disabled."""
        query = select(User.tier, User.limit_overrides).where(User.id == user_id, User.disabled_at.is_(None))
        row: Any = (await self.session.execute(query)).first()
        return limits_of(row.tier, row.limit_overrides) if row is not None else None

    async def names(self, session_id: uuid.UUID, chats: Sequence[str]) -> dict[str, set[str]]:
        """Each chat's person, by all numbers and hidden names of theirs that the session knows."""
        names = {chat: {name for name in (phone_of(chat), lid_of(chat)) if name} for chat in chats}
        every = {name for some in names.values() for name in some}
        themselves = aliased(Contact)
        query = (
            select(Contact.phone, Contact.lid, themselves.phone, themselves.lid)
            .outerjoin(themselves, themselves.id == Contact.merged_into)
            .where(Contact.session_id == session_id, _any_name(Contact, every))
        )
        for row in (await self.session.execute(query)).all():
            theirs = {name for name in row if name}
            for known in names.values():
                if known & theirs:
                    known.update(theirs)
        return names


def _any_name(table: Any, names: set[str]) -> ColumnElement[bool]:
    return or_(table.phone.in_(names), table.lid.in_(names))


def _grouped(query: Any, broadcast_ids: Sequence[uuid.UUID]) -> Any:
    return query.where(BroadcastRecipient.broadcast_id.in_(broadcast_ids)).group_by(
        BroadcastRecipient.broadcast_id, BroadcastRecipient.status
    )


def _by_broadcast(rows: Sequence[Any]) -> dict[uuid.UUID, Counts]:
    found: dict[uuid.UUID, Counts] = {}
    for broadcast_id, status, count in rows:
        found.setdefault(broadcast_id, {})[str(status)] = int(count)
    return found
