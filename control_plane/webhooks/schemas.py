"""What travels over the wire for webhooks; what became of their deliveries stands in delivery_schemas.py."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from control_plane.accounts.schemas import Answer, Body
from control_plane.webhooks.models import Webhook
from shared.ids import public_id

MOST_HEADERS = 20
MOST_NAMED = 100

Name = Annotated[str, msgspec.Meta(max_length=100)]
# None stands for all.
Named = Annotated[list[Name], msgspec.Meta(max_length=MOST_NAMED)] | None
Description = Annotated[str, msgspec.Meta(max_length=500)]
Headers = Annotated[
    dict[Annotated[str, msgspec.Meta(max_length=128)], Annotated[str, msgspec.Meta(max_length=4096)]],
    msgspec.Meta(max_length=MOST_HEADERS),
]
HmacKey = Annotated[str, msgspec.Meta(min_length=8, max_length=256)]


class CreateWebhookBody(Body):
    """`events` and `sessionIds`: null for all. `hmacKey` adds X-Webhook-Hmac (SHA-512 of the body)."""

    url: str
    events: Named = None
    session_ids: Named = None
    description: Description = ""
    headers: Headers = msgspec.field(default_factory=dict)
    hmac_key: HmacKey | None = None
    secret: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class ChangeWebhookBody(Body):
    """What is left out stays. `headers` takes the place of all headers of before."""

    url: str | msgspec.UnsetType = msgspec.UNSET
    events: Named | msgspec.UnsetType = msgspec.UNSET
    session_ids: Named | msgspec.UnsetType = msgspec.UNSET
    description: Description | msgspec.UnsetType = msgspec.UNSET
    headers: Headers | msgspec.UnsetType = msgspec.UNSET
    hmac_key: HmacKey | msgspec.UnsetType | None = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Waiting:
    """Deliveries that are to be tried (again), and since when the oldest one is."""

    count: int = 0
    since: datetime | None = None


class WebhookView(Answer):
    """Header values, the key and the secret are not shown. `failed`: what nobody tries again by itself."""

    id: str
    url: str
    description: str
    events: list[str] | None
    session_ids: list[str] | None
    header_names: list[str]
    has_hmac_key: bool
    only_sandbox: bool
    enabled: bool
    disabled_reason: str | None
    disabled_at: datetime | None
    created_at: datetime
    old_secret_until: datetime | None
    delivered: int
    failed: int
    pending: int
    success_rate: float | None
    last_delivered_at: datetime | None
    failing_since: datetime | None
    oldest_pending_seconds: float | None

    @classmethod
    def of(cls, webhook: Webhook, header_names: list[str], waiting: Waiting) -> "WebhookView":
        return cls(**_shown(webhook, header_names, waiting))


class WebhookWithSecret(WebhookView):
    """The only answers that ever hold the secret."""

    secret: str | None

    @classmethod
    def with_secret(
        cls, webhook: Webhook, header_names: list[str], waiting: Waiting, secret: str
    ) -> "WebhookWithSecret":
        return cls(secret=secret, **_shown(webhook, header_names, waiting))


def _shown(webhook: Webhook, header_names: list[str], waiting: Waiting) -> dict[str, Any]:
    now = datetime.now(UTC)
    ended = webhook.delivered + webhook.failed
    old = webhook.old_secret_until
    sessions = webhook.session_ids
    return {
        "id": public_id("whk", webhook.id),
        "url": webhook.url,
        "description": webhook.description,
        "events": webhook.types,
        "session_ids": None if sessions is None else [public_id("ses", session) for session in sessions],
        "header_names": header_names,
        "has_hmac_key": webhook.sealed_hmac_key is not None,
        "only_sandbox": webhook.only_sandbox,
        "enabled": webhook.enabled,
        "disabled_reason": webhook.disabled_reason,
        "disabled_at": webhook.disabled_at,
        "created_at": webhook.created_at,
        "old_secret_until": old if old is not None and old > now else None,
        "delivered": webhook.delivered,
        "failed": webhook.failed,
        "pending": waiting.count,
        "success_rate": round(webhook.delivered / ended, 4) if ended else None,
        "last_delivered_at": webhook.last_delivered_at,
        "failing_since": webhook.failing_since,
        "oldest_pending_seconds": (
            None if waiting.since is None else round(max(0.0, (now - waiting.since).total_seconds()), 3)
        ),
    }
