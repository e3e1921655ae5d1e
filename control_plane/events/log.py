"""Writing to the event log, always in the transaction that caused the event."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.tenancy import SystemRepository
from control_plane.events.models import LoggedEvent
from shared.ids import new_uuid

_HELD = "events_held"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """`sequence` counts within the session; 0 for what belongs to the account alone."""

    user_id: uuid.UUID
    session_id: uuid.UUID | None
    sequence: int
    type: str
    data: dict[str, Any]
    # Of a sandbox session, and so for the eyes of test keys.
    sandbox: bool = False


class EventLog(SystemRepository):
    async def append(self, events: Sequence[NewEvent]) -> None:
        rows = [
            {
                "id": new_uuid(),
                "user_id": event.user_id,
                "session_id": event.session_id,
                "sequence": event.sequence,
                "type": event.type,
                "data": event.data,
                "sandbox": event.sandbox,
            }
            for event in events
        ]
        if rows:
            await self.session.execute(insert(LoggedEvent), rows)


async def append(db: AsyncSession, events: Sequence[NewEvent]) -> None:
    held: list[NewEvent] | None = db.info.get(_HELD)
    if held is None:
        await EventLog(db).append(events)
    else:
        held.extend(events)


@asynccontextmanager
async def written_together(db: AsyncSession) -> AsyncIterator[None]:
    """What is appended within goes into the log at its end, in one statement."""
    held: list[NewEvent] = []
    db.info[_HELD] = held
    try:
        yield
    finally:
        del db.info[_HELD]
    await EventLog(db).append(held)
