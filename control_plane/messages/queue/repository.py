"""The rows of the queue: as a tenant puts messages in, and as whoever sends them takes them out."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from control_plane.db.claims import Claim
from control_plane.db.functions import call_function
from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.fleet.models import Worker
from control_plane.messages.broadcasts.models import Broadcast
from control_plane.messages.models import Message
from control_plane.messages.queue.lanes import youngest_ids
from control_plane.messages.queue.models import Outbox
from control_plane.sessions.models import Session, SessionOwner

LEASE = timedelta(seconds=15)
# Of an outbox in which nothing waits.
NEVER = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Taken:
    """`place` is the message's; with a claim, whoever accepted it sends it as well, at once where `idle`."""

    place: int
    claim: Claim | None
    idle: bool


class OutboxRepository(TenantRepository):
    async def take_place(self, session_id: uuid.UUID, token: uuid.UUID | None = None) -> Taken:
        """The next place; with a token the outbox itself as well, if nobody holds it."""
        row = await call_function(
            self.session,
            "take_place",
            tenant=self.tenant,
            session=session_id,
            token=token,
            lease=LEASE,
            youngest=youngest_ids(),
        )
        claim = Claim(session_id, token, row["attempts"], row) if token is not None and row["held"] else None
        return Taken(row["place"], claim, row["idle"])

    async def of(self, session_id: uuid.UUID, *, lock: bool = False) -> Outbox | None:
        query = self.select(Outbox).where(Outbox.id == session_id)
        return (await self.session.scalars(query.with_for_update() if lock else query)).first()

    async def depths(self, session_id: uuid.UUID) -> dict[str, int]:
        query = self.select_columns(Message, Message.status, func.count()).where(
            Message.session_id == session_id,
            Message.status.in_(("queued", "sending", "scheduled")),
            Message.id >= youngest_ids(),
        )
        rows: Any = (await self.session.execute(query.group_by(Message.status))).all()
        return {str(status): int(count) for status, count in rows}

    async def locked_message(self, message_id: uuid.UUID) -> Message | None:
        query = self.select(Message).where(Message.id == message_id).with_for_update()
        return (await self.session.scalars(query.execution_options(populate_existing=True))).first()


class OutboundQueue(SystemRepository):
    """For whoever holds the outbox."""

    async def session_of(self, session_id: uuid.UUID) -> Session | None:
        """Locked against other changes; rows that refer to it may be added meanwhile."""
        query = select(Session).where(Session.id == session_id).with_for_update(key_share=True)
        return (await self.session.scalars(query.execution_options(populate_existing=True))).first()

    async def session_of_message(self, message_id: uuid.UUID) -> Session | None:
        """Locked, as above."""
        found = await self.session.scalar(select(Message.session_id).where(Message.id == message_id))
        return await self.session_of(found) if found is not None else None

    async def held(self, claim: Claim) -> Outbox | None:
        """Locked: nothing is accepted meanwhile. None: another process holds it by now."""
        query = select(Outbox).where(Outbox.id == claim.id, Outbox.claim_token == claim.token)
        query = query.with_for_update().execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def first(self, session_id: uuid.UUID) -> Message | None:
        query = self._of(session_id, "queued").order_by(Message.lane, Message.place).limit(1)
        return (await self.session.scalars(query.with_for_update())).first()

    async def being_sent(self, session_id: uuid.UUID) -> Sequence[Message]:
        """By a process that is gone, or whose call broke."""
        return (await self.session.scalars(self._of(session_id, "sending").order_by(Message.place))).all()

    def _of(self, session_id: uuid.UUID, status: str) -> Any:
        return select(Message).where(
            Message.session_id == session_id, Message.status == status, Message.id >= youngest_ids()
        )

    async def locked(self, message_id: uuid.UUID) -> Message | None:
        query = select(Message).where(Message.id == message_id).with_for_update()
        return (await self.session.scalars(query.execution_options(populate_existing=True))).first()

    async def wake(self, session_id: uuid.UUID) -> None:
        now = func.clock_timestamp()
        await self.session.execute(
            update(Outbox).where(Outbox.id == session_id).values(due_at=func.least(Outbox.due_at, now))
        )

    async def reserve_places(self, session_id: uuid.UUID, user_id: uuid.UUID, count: int) -> int:
        """The first of so many places in a row."""
        box, now = Outbox, func.clock_timestamp()
        new = insert(box).values(id=session_id, user_id=user_id, accepted=count)
        statement = new.on_conflict_do_update(
            index_elements=["id"],
            set_={"accepted": box.accepted + count, "due_at": func.least(box.due_at, now)},
        ).returning(box.accepted)
        last: int = (await self.session.execute(statement)).scalar_one()
        return last - count + 1

    async def per_minute(self, message: Message) -> int | None:
        """The pace of its broadcast, where that has one of its own."""
        if message.broadcast_id is None:
            return None
        query = select(Broadcast.per_minute).where(Broadcast.id == message.broadcast_id)
        found: int | None = await self.session.scalar(query)
        return found

    async def owner_of(self, session_id: uuid.UUID, epoch: int) -> Worker | None:
        owner = exists().where(
            SessionOwner.session_id == session_id,
            SessionOwner.epoch == epoch,
            SessionOwner.worker_id == Worker.id,
        )
        return (await self.session.scalars(select(Worker).where(owner))).first()

    async def scheduled(self, limit: int) -> Sequence[Message]:
        """Whose time has come; locked, without those that somebody else moves."""
        due = Message.send_at <= func.clock_timestamp()
        query = (
            select(Message)
            .where(Message.status == "scheduled", due, Message.id >= youngest_ids())
            .order_by(Message.send_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self.session.scalars(query)).all()

    async def expired(self, limit: int) -> Sequence[uuid.UUID]:
        waiting = Message.status.in_(("queued", "scheduled"))
        query = (
            select(Message.id)
            .where(waiting, Message.expires_at <= func.clock_timestamp(), Message.id >= youngest_ids())
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    async def settled(self, ids: Sequence[uuid.UUID]) -> Sequence[Message]:
        on_their_way = Message.status.in_(("queued", "sending", "scheduled"))
        return (await self.session.scalars(select(Message).where(Message.id.in_(ids), ~on_their_way))).all()

    async def unasked(self, limit: int) -> Sequence[Message]:
        """Uncertain, and their workers could not be asked."""
        query = select(Message).where(
            Message.awaits_journal, Message.status == "uncertain", Message.id >= youngest_ids()
        )
        return (await self.session.scalars(query.order_by(func.random()).limit(limit))).all()
