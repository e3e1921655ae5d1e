"""What travels over the wire for deliveries of webhooks."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from control_plane.accounts.schemas import Answer, Body
from control_plane.events.models import LoggedEvent
from control_plane.events.schemas import Envelope
from control_plane.webhooks.models import Webhook, WebhookDelivery
from control_plane.webhooks.pings import PING, ping_envelope
from control_plane.webhooks.schemas import Named
from shared.ids import public_id


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class ReplayBody(Body):
    """From `since` on and before `until`, which is now where it is left out."""

    since: datetime
    until: datetime | None = None
    types: Named = None
    session_ids: Named = None


class ReplayView(Answer):
    queued: int


class TryView(Answer):
    """`response` is the beginning of what the receiver answered."""

    at: datetime
    status_code: int | None = None
    error: str | None = None
    milliseconds: float | None = None
    response: str | None = None


class DeliveryView(Answer):
    """`eventId` is also the header webhook-id. `sequence` is null once the event is no longer kept."""

    id: str
    webhook_id: str
    url: str
    event_id: str
    type: str
    session_id: str | None
    sequence: int | None
    status: DeliveryStatus
    replay: bool
    attempts: int
    created_at: datetime
    due_at: datetime | None
    first_attempt_at: datetime | None
    last_attempt_at: datetime | None
    status_code: int | None
    error: str | None
    tries: list[TryView]

    @classmethod
    def of(cls, webhook: Webhook, delivery: WebhookDelivery, sequence: int | None) -> "DeliveryView":
        return cls(**_shown(webhook, delivery, sequence))


class DeliveryDetail(DeliveryView):
    """`event` is what would be sent now."""

    event: Envelope | None

    @classmethod
    def with_event(
        cls, webhook: Webhook, delivery: WebhookDelivery, event: LoggedEvent | None
    ) -> "DeliveryDetail":
        if delivery.type == PING:
            envelope: Envelope | None = ping_envelope(delivery.event_id, webhook.id, delivery.created_at)
        else:
            envelope = None if event is None else Envelope.of(event)
        return cls(event=envelope, **_shown(webhook, delivery, None if event is None else event.sequence))


def _shown(webhook: Webhook, delivery: WebhookDelivery, sequence: int | None) -> dict[str, Any]:
    session = delivery.session_id
    return {
        "id": public_id("dlv", delivery.id),
        "webhook_id": public_id("whk", webhook.id),
        "url": webhook.url,
        "event_id": public_id("evt", delivery.event_id),
        "type": delivery.type,
        "session_id": None if session is None else public_id("ses", session),
        "sequence": 0 if delivery.type == PING else sequence,
        "status": DeliveryStatus(delivery.status),
        "replay": delivery.replay,
        "attempts": delivery.attempts,
        "created_at": delivery.created_at,
        "due_at": delivery.due_at if delivery.status == DeliveryStatus.PENDING else None,
        "first_attempt_at": delivery.first_attempt_at,
        "last_attempt_at": delivery.last_attempt_at,
        "status_code": delivery.status_code,
        "error": delivery.error,
        "tries": msgspec.convert(delivery.tries, list[TryView]),
    }
