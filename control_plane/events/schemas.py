"""What travels over the wire for events: one envelope for every way that they take."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from control_plane.errors import AppError, Code
from control_plane.events.models import LoggedEvent
from control_plane.events.places import Place
from shared.ids import parse_public_id, public_id


class EventType(StrEnum):
    SESSION_STATUS = "session.status"
    SESSION_QR = "session.qr"
    SESSION_AUTHENTICATED = "session.authenticated"
    SESSION_PAIRING_CODE = "session.pairing_code"
    SESSION_EXPIRING = "session.expiring"
    SESSION_CREDENTIALS_LOST = "session.credentials_lost"
    MESSAGE_RECEIVED = "message.received"
    MESSAGE_SENT = "message.sent"
    MESSAGE_ACK = "message.ack"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_UNCERTAIN = "message.uncertain"
    MESSAGE_CANCELLED = "message.cancelled"
    MESSAGE_REACTION = "message.reaction"
    MESSAGE_EDITED = "message.edited"
    MESSAGE_REVOKED = "message.revoked"
    MESSAGE_UNDECRYPTABLE = "message.undecryptable"
    MESSAGE_MEDIA = "message.media"
    CALL_RECEIVED = "call.received"
    GROUP_UPDATED = "group.updated"
    PRESENCE_UPDATED = "presence.updated"
    QUEUE_PAUSED = "queue.paused"
    WEBHOOK_DISABLED = "webhook.disabled"
    QUOTA_REACHED = "quota.reached"
    BROADCAST_PROGRESS = "broadcast.progress"
    CONTACT_OPTED_OUT = "contact.opted_out"
    CONTACT_OPTED_IN = "contact.opted_in"


class Envelope(msgspec.Struct, rename="camel", kw_only=True):
    id: str
    type: str
    timestamp: datetime
    session_id: str | None
    sequence: int
    data: dict[str, Any]

    @classmethod
    def of(cls, event: LoggedEvent) -> "Envelope":
        return cls(**_shown(event))


class EventView(Envelope):
    """`cursor` is the place right after the event."""

    cursor: str

    @classmethod
    def at(cls, event: LoggedEvent, cursor: str) -> "EventView":
        return cls(cursor=cursor, **_shown(event))


class EventPage(msgspec.Struct, rename="camel", kw_only=True):
    """`nextCursor` is the place to go on from, also when there is nothing at this moment."""

    items: list[EventView]
    next_cursor: str


class TicketBody(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What the stream of the ticket tells, from now unless `after` is given."""

    session_id: Annotated[str, msgspec.Meta(max_length=100)] = ""
    types: Annotated[list[Annotated[str, msgspec.Meta(max_length=100)]], msgspec.Meta(max_length=100)] = []
    after: Annotated[str, msgspec.Meta(max_length=500)] = ""


class TicketView(msgspec.Struct, rename="camel", kw_only=True):
    """`url` holds the ticket and is ready to be opened."""

    ticket: str
    expires_in: int
    url: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a reader asked for, None standing for all; `only_sandbox` is what a test key may see."""

    session_id: uuid.UUID | None = None
    types: frozenset[str] | None = None
    only_sandbox: bool = False

    def holds(self, event: LoggedEvent) -> bool:
        if self.only_sandbox and not event.sandbox:
            return False
        if self.session_id is not None and event.session_id != self.session_id:
            return False
        return self.types is None or event.type in self.types

    @classmethod
    def parse(cls, session_id: str, types: str, *, only_sandbox: bool = False) -> "Wanted":
        names = [name.strip() for name in types.split(",")] if types else []
        return cls.named(session_id, names, only_sandbox=only_sandbox)

    @classmethod
    def named(cls, session_id: str, types: Collection[str], *, only_sandbox: bool = False) -> "Wanted":
        """An empty session id and no types stand for all."""
        session = parse_public_id("ses", session_id) if session_id else None
        if session_id and session is None:
            words = "sessionId is no id of a session: it looks like ses-…."
            raise AppError(Code.INVALID_ID, words, errors=[{"pointer": "/sessionId", "detail": words}])
        unknown = sorted(set(types) - {known.value for known in EventType})
        if unknown:
            words = f"There is no event type {unknown[0]!r}. The types are: {', '.join(EventType)}."
            raise AppError(Code.VALIDATION_FAILED, words, errors=[{"pointer": "/types", "detail": words}])
        return cls(session, frozenset(types) if types else None, only_sandbox)


def place_of(event: LoggedEvent) -> Place:
    return Place(int(event.xid), event.position)


def _shown(event: LoggedEvent) -> dict[str, Any]:
    session = event.session_id
    return {
        "id": public_id("evt", event.id),
        "type": event.type,
        "timestamp": event.created_at,
        "session_id": None if session is None else public_id("ses", session),
        "sequence": event.sequence,
        "data": event.data,
    }
