"""What became of the deliveries of one endpoint, and how its owner has events delivered once more."""

from datetime import UTC, datetime, timedelta

from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code, not_found
from control_plane.webhooks.checking import checked_session_ids, checked_types, refused
from control_plane.webhooks.delivery_schemas import ReplayBody
from control_plane.webhooks.models import Webhook, WebhookDelivery
from control_plane.webhooks.pings import PING
from control_plane.webhooks.repository import DeliveryRepository, PassedEvents, WithEvent
from shared.ids import new_uuid, parse_public_id

# Of one endpoint, asked for by its owner and still to be tried.
MOST_ASKED_FOR = 10_000


class Deliveries:
    """Whoever adds one holds the lock of the endpoint's row, so that together they stay within the bound."""

    def __init__(self, db: AsyncSession) -> None:
        self._db = db
        self.repository = DeliveryRepository(db)

    async def one(self, webhook: Webhook, reference: str) -> WithEvent:
        identity = parse_public_id("dlv", reference)
        found = None if identity is None else await self.repository.one(webhook.id, identity)
        if found is None:
            raise not_found("delivery")
        return found

    async def again(self, webhook: Webhook, reference: str) -> WithEvent:
        """The new delivery, with its event."""
        delivery, event = await self.one(webhook, reference)
        if event is None and delivery.type != PING:
            raise AppError(
                Code.EVENT_GONE, "The event of this delivery is no longer kept: nothing can be sent."
            )
        await self._room(webhook)
        now = datetime.now(UTC)
        new = await self.repository.add(
            id=new_uuid(),
            webhook_id=webhook.id,
            event_id=delivery.event_id,
            xid=delivery.xid,
            position=delivery.position,
            session_id=delivery.session_id,
            type=delivery.type,
            replay=True,
            due_at=now,
        )
        await self._wake(webhook, now)
        return new, event

    async def ping(self, webhook: Webhook) -> WebhookDelivery:
        await self._room(webhook)
        now, identity = datetime.now(UTC), new_uuid()
        ping = await self.repository.add(
            id=identity, webhook_id=webhook.id, event_id=identity, type=PING, due_at=now
        )
        await self._wake(webhook, now)
        return ping

    async def replay(self, webhook: Webhook, body: ReplayBody) -> int:
        """How many were queued: all of them, or none with a refusal that says which part would fit."""
        now = datetime.now(UTC)
        types, session_ids = checked_types(body.types, "/types"), checked_session_ids(body.session_ids)
        since, until = _window(body, now)
        room = await self._room(webhook)
        events = await PassedEvents(self._db).between(webhook, (since, until), types, session_ids, room + 1)
        if len(events) > room:
            some = events[room * 9 // 10].created_at.isoformat()
            words = (
                f"More than {room} events lie in that time, and no more than that can be queued now."
                f" Ask for a part of it, like until {some}, and for the rest when that is sent."
            )
            short = f"leaves more than {room} events"
            raise AppError(Code.REPLAY_TOO_LARGE, words, errors=[{"pointer": "/until", "detail": short}])
        rows = [
            {
                "id": new_uuid(),
                "webhook_id": webhook.id,
                "event_id": event.id,
                "xid": int(event.xid),
                "position": event.position,
                "session_id": event.session_id,
                "type": event.type,
                "replay": True,
                # One after the other, as they stand in the log.
                "due_at": now + timedelta(microseconds=number),
            }
            for number, event in enumerate(events)
        ]
        await self.repository.add_all(rows)
        await self._wake(webhook, now)
        return len(rows)

    async def _room(self, webhook: Webhook) -> int:
        if not webhook.enabled:
            words = (
                "The webhook is disabled, and nothing is sent to it. Enable it first: PATCH enabled: true."
            )
            raise AppError(Code.WEBHOOK_DISABLED, words)
        room = MOST_ASKED_FOR - await self.repository.asked_for(webhook.id)
        if room <= 0:
            words = f"{MOST_ASKED_FOR} deliveries that you asked for are still to be sent. Wait for some."
            raise AppError(Code.REPLAY_TOO_LARGE, words)
        return room

    async def _wake(self, webhook: Webhook, now: datetime) -> None:
        webhook.due_at = min(webhook.due_at, now)
        await self._db.flush()


async def provide_deliveries(db: NamedDependency[AsyncSession]) -> Deliveries:
    """In the transaction of the request."""
    return Deliveries(db)


def _window(body: ReplayBody, now: datetime) -> tuple[datetime, datetime]:
    until = body.until or now
    for pointer, moment in (("/since", body.since), ("/until", until)):
        if moment.tzinfo is None:
            words = f"{pointer[1:]} must say its time zone, like 2030-01-31T00:00:00Z."
            raise refused(pointer, "has no time zone", words)
    if body.since >= until:
        words = "since must lie before until, which is now where it is left out."
        raise refused("/since", "does not lie before until", words)
    return body.since, until
