"""Broadcasts on their way: a few messages at a time are put into the queue, just ahead of who sends them.

So that a pause or a cancellation bites at once, and what is sent to one is not behind thousands. One step of
a broadcast is one transaction: its messages, their places and its recipients' rows are there together or not.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.claim_loop import ClaimLoop, ClaimLostError
from control_plane.db.claims import Claim, Claims
from control_plane.db.engine import Database, SystemSite
from control_plane.events.log import NewEvent, append
from control_plane.messages.broadcasts import progress
from control_plane.messages.broadcasts.models import OVER, Broadcast, BroadcastRecipient, BroadcastStatus
from control_plane.messages.broadcasts.opt_outs import StoredOptOuts
from control_plane.messages.broadcasts.repository import StoredBroadcasts
from control_plane.messages.broadcasts.stopping import stop
from control_plane.messages.broadcasts.variables import filled, text_of
from control_plane.messages.chat_ids import lid_of, phone_of
from control_plane.messages.composing import Composed
from control_plane.messages.contacts.identity import learn
from control_plane.messages.models import Message
from control_plane.messages.outgoing import row_of
from control_plane.messages.queue.lanes import Lane
from control_plane.messages.queue.plan import WAITS, Plan
from control_plane.messages.queue.repository import NEVER, OutboundQueue
from control_plane.sessions.models import Session
from control_plane.tiers.service import QuotaRoom
from shared.contracts.messages import PlainContent, StoredFile, Text
from shared.session_state import SessionState

log = structlog.get_logger(__name__)

_AHEAD = 5
_LOOKED_AT = 100
_SHORTEST = 0.1
_LEASE = timedelta(seconds=30)
EXPIRED = "expired: the broadcast was over before its turn came"


class Feeding:
    """`usual_gap`: seconds between two messages of a broadcast that says nothing about its pace.

    One that goes on is looked at every `longest` seconds at the latest, one without a quota after `again`.
    """

    def __init__(
        self,
        database: Database,
        usual_gap: float,
        hint: Callable[[], None],
        *,
        longest: float = 5.0,
        again: timedelta = timedelta(seconds=60),
        idle_seconds: float = 0.5,
    ) -> None:
        self._database = database
        self._usual_gap = usual_gap
        self._hint = hint
        self._longest = longest
        self._again = again
        self.loop = ClaimLoop(
            "broadcasts",
            Claims(Broadcast, lease=_LEASE),
            self._step,
            database,
            SystemSite.SENDING,
            concurrency=8,
            idle_seconds=idle_seconds,
        )

    async def _step(self, claim: Claim) -> None:
        async with self._database.system(SystemSite.SENDING) as db:
            session = await OutboundQueue(db).session_of(claim.row["session_id"])
            broadcast = await StoredBroadcasts(db).locked(claim.id)
            if session is None or broadcast is None or broadcast.claim_token != claim.token:
                raise ClaimLostError
            if broadcast.held or broadcast.status in OVER:
                await stop(db, session, broadcast)
                broadcast.due_at = NEVER
            else:
                broadcast.due_at = datetime.now(UTC) + await self._fed(db, session, broadcast)
            told = await progress.follow(db, session, broadcast)
            broadcast.claim_token = broadcast.claimed_until = None
            broadcast.attempts = 0
        if told:
            self._hint()

    async def _fed(self, db: AsyncSession, session: Session, broadcast: Broadcast) -> timedelta:
        """After what time it is to be looked at again."""
        stored, now = StoredBroadcasts(db), datetime.now(UTC)
        if broadcast.expires_at is not None and broadcast.expires_at <= now:
            await stored.end_waiting(broadcast.id, "failed", EXPIRED)
            progress.goes_on(broadcast)
            return timedelta(seconds=_SHORTEST)
        if (reason := await _held_up(db, session, now)) is not None:
            progress.goes_on(broadcast, reason)
            return timedelta(seconds=self._longest)
        counts = await stored.counts(broadcast.id)
        room = _AHEAD - counts.get("queued", 0) - counts.get("sending", 0)
        recipients = await self._wanting(db, session, broadcast, room)
        full = await self._feed(db, session, broadcast, recipients)
        if full is not None:
            broadcast.status, broadcast.status_reason = BroadcastStatus.PAUSED, full
            return self._again
        progress.goes_on(broadcast)
        return timedelta(seconds=min(max(self._gap(broadcast) * 1.5, _SHORTEST), self._longest))

    def _gap(self, broadcast: Broadcast) -> float:
        return 60 / broadcast.per_minute if broadcast.per_minute else self._usual_gap

    async def _wanting(
        self, db: AsyncSession, session: Session, broadcast: Broadcast, room: int
    ) -> Sequence[BroadcastRecipient]:
        """The next ones; who has opted out is skipped, also after it has begun."""
        if room <= 0:
            return []
        stored = StoredBroadcasts(db)
        recipients = await stored.waiting(broadcast.id, _LOOKED_AT)
        names = await stored.names(session.id, [recipient.chat_id for recipient in recipients])
        out = await StoredOptOuts(db).among(session, set[str]().union(*names.values()))
        found: list[BroadcastRecipient] = []
        for recipient in recipients:
            if names[recipient.chat_id] & out:
                recipient.status, recipient.error = "skipped", "has opted out"
            elif len(found) < room:
                found.append(recipient)
        return found

    async def _feed(
        self,
        db: AsyncSession,
        session: Session,
        broadcast: Broadcast,
        recipients: Sequence[BroadcastRecipient],
    ) -> str | None:
        """Why not all of them, where the account may send no more."""
        if not recipients:
            return None
        limits = await StoredBroadcasts(db).limits(broadcast.user_id)
        if limits is None:
            return "the account is disabled"
        # Contacts are made first, then comes the outbox, and then the quota: so do all who send.
        messages = [await _message(db, session, broadcast, recipient) for recipient in recipients]
        place = await OutboundQueue(db).reserve_places(session.id, session.user_id, len(recipients))
        room = await QuotaRoom(db).take_messages(broadcast.user_id, limits, len(recipients))
        for number, message in enumerate(messages[: room.given]):
            message.place = place + number
            db.add(message)
            recipients[number].status, recipients[number].message_id = "queued", message.id
        await db.flush()
        await append(db, [_used_up(broadcast.user_id, *one) for one in room.used_up])
        if room.full is None:
            return None
        return f"the account has sent all the messages that it may in this {room.full}"


async def _held_up(db: AsyncSession, session: Session, now: datetime) -> str | None:
    """What would wait in the queue only to grow old there is not put into it."""
    if session.status != SessionState.CONNECTED:
        return f"the session is {session.status}"
    box = await StoredBroadcasts(db).outbox(session.id)
    if box is None or box.paused_until is None or box.paused_until <= now or box.pause_reason is None:
        return None
    return f"the queue of the session is paused: {box.pause_reason}"


async def _message(
    db: AsyncSession, session: Session, broadcast: Broadcast, recipient: BroadcastRecipient
) -> Message:
    content: PlainContent = msgspec.convert(broadcast.content, PlainContent, strict=False)
    text = filled(text_of(content), recipient.variables)
    if isinstance(content, Text):
        content = Text(text=text)
    elif isinstance(content, StoredFile):
        content = msgspec.structs.replace(content, caption=text)
    chat = recipient.chat_id
    message = row_of(session, Composed(chat=chat, content=content, mentions=tuple(broadcast.mentions)))
    Plan(lane=Lane.BULK, waits=WAITS, typing_seconds=broadcast.typing_seconds).apply(message)
    if broadcast.expires_at is not None:
        message.expires_at = min(broadcast.expires_at, message.created_at + WAITS)
    contact = await learn(db, session, phone=phone_of(chat), lid=lid_of(chat), asked=True)
    if contact is not None:
        message.contact_id = contact.id
        message.phone, message.lid = contact.phone or message.phone, contact.lid
    message.broadcast_id = broadcast.id
    return message


def _used_up(user_id: uuid.UUID, period: str, limit: int) -> NewEvent:
    data = {"resource": "messages", "period": period, "limit": limit}
    return NewEvent(user_id=user_id, session_id=None, sequence=0, type="quota.reached", data=data)
