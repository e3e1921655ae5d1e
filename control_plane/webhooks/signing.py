"""The headers by which receivers know that a delivery is ours: Standard Webhooks, and an older way."""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

# Of ours, on every delivery: an endpoint's own headers must not take their place.
RESERVED = frozenset(
    {
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-webhook-hmac",
        "x-webhook-hmac-algorithm",
        "content-type",
        "user-agent",
    }
)


def signed_headers(
    *, secrets: Sequence[str], hmac_key: str | None, message_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """One signature for each secret, so that a receiver may know either of the two during a rotation."""
    # The library takes the clock of a time for that of UTC, whatever its zone.
    moment = at.astimezone(UTC)
    text = body.decode()
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, text) for secret in secrets),
    }
    if hmac_key is not None:
        headers["X-Webhook-Hmac"] = hmac.digest(hmac_key.encode(), body, "sha512").hex()
        headers["X-Webhook-Hmac-Algorithm"] = "sha512"
    return headers
