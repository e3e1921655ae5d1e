"""What the dispatcher holds in memory: events as they were read, and what is to be delivered of them."""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from control_plane.events.places import BEGINNING, Place
from control_plane.events.schemas import Envelope
from control_plane.webhooks.dispatch.schedule import OVERTAKEN_AFTER
from control_plane.webhooks.pings import PING, ping_envelope
from shared.ids import new_uuid, public_id

# The lane of what belongs to the account.
ACCOUNT = uuid.UUID(int=0)
# What was read longer ago is read once more before it is sent: it may have been erased since.
_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Letter:
    """An event, with the bytes that are sent of it."""

    event_id: uuid.UUID
    user_id: uuid.UUID
    place: Place
    session_id: uuid.UUID | None
    type: str
    sandbox: bool
    created_at: datetime
    body: bytes
    read_at: float

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.read_at < _FRESH_SECONDS


def letter_of(row: Any) -> Letter:
    """`row` is one of the log, its data still as text."""
    session_id: uuid.UUID | None = row.session_id
    envelope = Envelope(
        id=public_id("evt", row.event_id),
        type=row.event_type,
        timestamp=row.event_at,
        session_id=None if session_id is None else public_id("ses", session_id),
        sequence=row.sequence,
        data=msgspec.json.decode(row.data),
    )
    return Letter(
        event_id=row.event_id,
        user_id=row.user_id,
        place=Place(row.xid, row.position),
        session_id=session_id,
        type=row.event_type,
        sandbox=row.sandbox,
        created_at=row.event_at,
        body=msgspec.json.encode(envelope),
        read_at=time.monotonic(),
    )


def ping_letter(webhook_id: uuid.UUID, user_id: uuid.UUID, event_id: uuid.UUID, at: datetime) -> Letter:
    body = msgspec.json.encode(ping_envelope(event_id, webhook_id, at))
    return Letter(
        event_id=event_id,
        user_id=user_id,
        place=BEGINNING,
        session_id=None,
        type=PING,
        sandbox=False,
        created_at=at,
        body=body,
        read_at=time.monotonic(),
    )


@dataclass(slots=True, eq=False)
class Parcel:
    """One event for one endpoint. Without a row it is new; with one it waits, or was tried before."""

    event_id: uuid.UUID
    place: Place
    session_id: uuid.UUID | None
    type: str
    letter: Letter | None
    id: uuid.UUID
    has_row: bool = False
    attempts: int = 0
    step: int = 0
    created_at: datetime | None = None
    first_attempt_at: datetime | None = None
    last_attempt_at: datetime | None = None
    due_at: datetime | None = None
    # A later one of its session was taken: the fault is its own, and no sign of an outage.
    overtaken: bool = False

    @classmethod
    def new(cls, letter: Letter) -> "Parcel":
        return cls(letter.event_id, letter.place, letter.session_id, letter.type, letter, new_uuid())

    @classmethod
    def waiting(cls, row: Any, letter: Letter | None) -> "Parcel":
        return cls(
            event_id=row.event_id,
            place=Place(row.xid, row.position),
            session_id=row.lane_session_id,
            type=row.type,
            letter=letter,
            id=row.id,
            has_row=True,
            attempts=row.attempts,
            step=row.step,
            created_at=row.created_at,
            first_attempt_at=row.first_attempt_at,
            last_attempt_at=row.last_attempt_at,
            due_at=row.due_at,
        )

    @property
    def lane(self) -> uuid.UUID:
        return self.session_id or ACCOUNT

    def is_due(self, now: datetime, recovered_at: datetime | None) -> bool:
        if self.attempts == 0 or self.due_at is None or self.due_at <= now:
            return True
        return (
            recovered_at is not None
            and self.last_attempt_at is not None
            and self.last_attempt_at < recovered_at
        )

    def passable_at(self) -> datetime | None:
        """When later ones of its session need not wait for it any more; None: it was not even tried."""
        return None if self.first_attempt_at is None else self.first_attempt_at + OVERTAKEN_AFTER
