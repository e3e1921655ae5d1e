"""The test event of an endpoint. It stands in no log, which would show it to every other reader."""

import uuid
from datetime import datetime

from control_plane.events.schemas import Envelope
from shared.ids import public_id

PING = "webhook.test"


def ping_envelope(event_id: uuid.UUID, webhook_id: uuid.UUID, at: datetime) -> Envelope:
    return Envelope(
        id=public_id("evt", event_id),
        type=PING,
        timestamp=at,
        session_id=None,
        sequence=0,
        data={"webhookId": public_id("whk", webhook_id)},
    )
