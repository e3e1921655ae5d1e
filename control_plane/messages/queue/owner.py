"""What an owner does to a queue: look at it, hold it back, take a message out of it."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.engine import Database, SystemSite
from control_plane.errors import AppError, Code, not_found
from control_plane.http.principal import Principal
from control_plane.keyring import Keyring
from control_plane.messages.details import visible_message
from control_plane.messages.models import Message
from control_plane.messages.queue import settling
from control_plane.messages.queue.models import Outbox
from control_plane.messages.queue.repository import NEVER, OutboundQueue, OutboxRepository
from control_plane.sessions.models import Session
from control_plane.sessions.service import Sessions
from shared.session_state import SessionState

_BY_OWNER = "paused by its owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    session_id: uuid.UUID
    waiting: int
    sending: int
    scheduled: int
    paused_until: datetime | None
    reason: str | None


class Queue:
    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def state(self, principal: Principal, reference: str) -> QueueState:
        async with self._database.tenant(principal.user_id) as db:
            session = await Sessions(db, self._keyring).session(principal, reference)
            return await _state(db, session)

    async def pause(self, principal: Principal, reference: str) -> QueueState:
        async with self._database.tenant(principal.user_id) as db:
            session, box = await self._box(db, principal, reference)
            box.paused_until, box.pause_reason = NEVER, _BY_OWNER
            return await _state(db, session)

    async def resume(self, principal: Principal, reference: str) -> QueueState:
        async with self._database.tenant(principal.user_id) as db:
            session, box = await self._box(db, principal, reference)
            box.paused_until, box.pause_reason, box.pauses = None, None, 0
            box.due_at = min(box.due_at, datetime.now(UTC))
            return await _state(db, session)

    async def cancel(self, principal: Principal, message_id: str) -> Message:
        async with self._database.tenant(principal.user_id) as db:
            found = await visible_message(db, Sessions(db, self._keyring), principal, message_id)
        async with self._database.system(SystemSite.SENDING) as db:
            session = await OutboundQueue(db).session_of(found.session_id)
            message = await OutboundQueue(db).locked(found.id)
            if session is None or message is None:
                raise not_found("message")
            if message.status not in settling.NOT_BEGUN:
                raise AppError(
                    Code.MESSAGE_NOT_CHANGEABLE,
                    f"It is {message.status}: only what is queued or scheduled can be cancelled.",
                )
            await settling.cancelled(db, session, message)
            return message

    async def _box(self, db: AsyncSession, principal: Principal, reference: str) -> tuple[Session, Outbox]:
        session = await Sessions(db, self._keyring).session(principal, reference, share=True)
        boxes = OutboxRepository(db)
        box = await boxes.of(session.id, lock=True)
        if box is None:
            await boxes.take_place(session.id)
            box = await boxes.of(session.id, lock=True)
        if box is None:
            raise not_found("session")
        return session, box


async def _state(db: AsyncSession, session: Session) -> QueueState:
    await db.flush()
    boxes, now = OutboxRepository(db), datetime.now(UTC)
    box, depths = await boxes.of(session.id), await boxes.depths(session.id)
    paused = box.paused_until if box is not None and box.paused_until and box.paused_until > now else None
    reason = box.pause_reason if box is not None and paused is not None else None
    waiting = depths.get("queued", 0)
    if reason is None and waiting and session.status != SessionState.CONNECTED:
        reason = f"the session is {session.status}"
    return QueueState(
        session_id=session.id,
        waiting=waiting,
        sending=depths.get("sending", 0),
        scheduled=depths.get("scheduled", 0),
        paused_until=paused,
        reason=reason,
    )
