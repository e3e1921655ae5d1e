"""What workers tell: taken in once, in order, in one transaction for each batch."""

import uuid
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.events.log import written_together
from control_plane.fleet.repository import FleetRepository
from control_plane.messages.receiving.meanings import ACTIVITY, HANDLERS, OF_THE_OWNER
from control_plane.messages.receiving.storing import storable
from control_plane.sessions.models import Session
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.states_told import state_told
from shared.contracts.fleet import UplinkBatch, UplinkEvent
from shared.contracts.told import StateSeen

log = structlog.get_logger(__name__)


class Ingest:
    def __init__(self, db: AsyncSession, worker_id: str) -> None:
        self._db = db
        self._worker_id = worker_id
        self._fleet = FleetRepository(db)
        self._sessions = SupervisedSessions(db)

    async def take(self, batch: UplinkBatch) -> int:
        """Up to which position everything is here. A batch that comes again changes nothing."""
        # A spool of its own for each worker, or one could move on the mark of another.
        mark = await self._fleet.spool_mark(f"{self._worker_id}/{batch.spool}", self._worker_id)
        fresh = [event for event in batch.events if event.position == 0 or event.position > mark.position]
        # All of them are locked in one order, or two workers' batches could wait for each other.
        keys = list(
            {(identity, event.epoch) for event in fresh if (identity := _uuid(event.session_id)) is not None}
        )
        owned = await self._sessions.owned(self._worker_id, keys) if keys else set()
        locked = {session.id: session for session in await self._sessions.locked([key[0] for key in owned])}
        ignored = 0
        async with written_together(self._db):
            for event in fresh:
                session = locked.get(_uuid(event.session_id) or uuid.UUID(int=0))
                if session is None or (session.id, event.epoch) not in owned:
                    ignored += 1
                    continue
                await self._apply(session, event)
        if ignored:
            await self._fleet.count_repair("foreign_event_ignored", ignored)
            log.warning("events_ignored", worker_id=self._worker_id, events=ignored)
        mark.position = max([mark.position, *(event.position for event in batch.events)])
        mark.updated_at = datetime.now(UTC)
        return mark.position

    async def _apply(self, session: Session, event: UplinkEvent) -> None:
        told = storable(event.told)
        # A stale epoch may change no state; what it saw while it was the owner's is taken all the same.
        if type(told) in OF_THE_OWNER and event.epoch != session.epoch:
            return
        if isinstance(told, StateSeen):
            await state_told(self._db, session, told.meaning)
            return
        if type(told) in ACTIVITY:
            session.last_activity_at = datetime.now(UTC)
        handler = HANDLERS.get(type(told))
        if handler is not None:
            await handler(self._db, session, told)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
