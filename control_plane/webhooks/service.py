"""The endpoints of an account: made, changed, looked at, deleted. To deliver is the dispatcher's part."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.egress.gate import Egress
from control_plane.errors import not_found
from control_plane.events.repository import TenantEvents
from control_plane.http.principal import KeyMode, Principal
from control_plane.keyring import Keyring
from control_plane.tiers.service import Quotas, Resource
from control_plane.webhooks.checking import (
    Sessions,
    check_own,
    check_own_headers,
    check_secret,
    check_url,
    checked_session_ids,
    checked_types,
)
from control_plane.webhooks.models import Webhook
from control_plane.webhooks.repository import DeliveryRepository, WebhookRepository
from control_plane.webhooks.schemas import (
    ChangeWebhookBody,
    CreateWebhookBody,
    Waiting,
    WebhookView,
    WebhookWithSecret,
)
from control_plane.webhooks.secrets import Secrets
from shared.ids import new_uuid, parse_public_id

OLD_SECRET_LIFE = timedelta(hours=24)
BY_OWNER = "owner"


class Webhooks:
    """Of the tenant whose database session it is given."""

    def __init__(self, db: AsyncSession, secrets: Secrets, egress: Egress, sessions: Sessions) -> None:
        self._db = db
        self._secrets = secrets
        self._egress = egress
        self._sessions = sessions
        self.repository = WebhookRepository(db)

    async def create(self, principal: Principal, body: CreateWebhookBody) -> WebhookWithSecret:
        types, session_ids = checked_types(body.events), checked_session_ids(body.session_ids)
        check_own_headers(body.headers)
        if body.secret is not None:
            check_secret(body.secret)
        await check_url(self._egress, body.url)
        await check_own(self._sessions, principal, session_ids or ())
        await Quotas(self._db).reserve(Resource.WEBHOOKS, principal.limits)
        secret = body.secret or self._secrets.make()
        place = await TenantEvents(self._db).now()
        identity = new_uuid()
        webhook = await self.repository.add(
            id=identity,
            url=body.url,
            description=body.description,
            types=types,
            session_ids=session_ids,
            only_sandbox=principal.key_mode is KeyMode.TEST,
            sealed_headers=self._sealed_headers(identity, body.headers),
            sealed_hmac_key=self._sealed_hmac_key(identity, body.hmac_key),
            sealed_secret=self._secrets.seal_secret(identity, secret),
            xid=place.xid,
            position=place.position,
        )
        return WebhookWithSecret.with_secret(webhook, self._header_names(webhook), Waiting(), secret)

    async def webhook(self, principal: Principal, reference: str, *, lock: bool = False) -> Webhook:
        identity = parse_public_id("whk", reference)
        webhook = None if identity is None else await self.repository.by_id(identity, lock=lock)
        if webhook is None or (principal.key_mode is KeyMode.TEST and not webhook.only_sandbox):
            raise not_found("webhook")
        return webhook

    async def change(self, principal: Principal, reference: str, body: ChangeWebhookBody) -> Webhook:
        types = None if body.events is msgspec.UNSET else checked_types(body.events)
        session_ids = None if body.session_ids is msgspec.UNSET else checked_session_ids(body.session_ids)
        if body.headers is not msgspec.UNSET:
            check_own_headers(body.headers)
        if body.url is not msgspec.UNSET:
            await check_url(self._egress, body.url)
        await check_own(self._sessions, principal, session_ids or ())
        webhook = await self.webhook(principal, reference, lock=True)
        if body.url is not msgspec.UNSET and body.url != webhook.url:
            webhook.url, webhook.failing_since = body.url, None
        if body.events is not msgspec.UNSET:
            webhook.types = types
        if body.session_ids is not msgspec.UNSET:
            webhook.session_ids = session_ids
        if body.description is not msgspec.UNSET:
            webhook.description = body.description
        if body.headers is not msgspec.UNSET:
            webhook.sealed_headers = self._sealed_headers(webhook.id, body.headers)
        if body.hmac_key is not msgspec.UNSET:
            webhook.sealed_hmac_key = self._sealed_hmac_key(webhook.id, body.hmac_key)
        if body.enabled is not msgspec.UNSET and body.enabled is not webhook.enabled:
            await self._switch(webhook, enabled=body.enabled)
        await self._db.flush()
        return webhook

    async def delete(self, principal: Principal, reference: str) -> None:
        webhook = await self.webhook(principal, reference, lock=True)
        await self.repository.remove(webhook.id)
        await Quotas(self._db).release(Resource.WEBHOOKS)

    async def rotate(self, principal: Principal, reference: str) -> WebhookWithSecret:
        """A second rotation ends the oldest secret at once: that is how a leaked one is got rid of."""
        webhook = await self.webhook(principal, reference, lock=True)
        secret = self._secrets.make()
        webhook.sealed_old_secret = webhook.sealed_secret
        webhook.old_secret_until = datetime.now(UTC) + OLD_SECRET_LIFE
        webhook.sealed_secret = self._secrets.seal_secret(webhook.id, secret)
        await self._db.flush()
        waiting = await self.repository.waiting([webhook.id])
        names = self._header_names(webhook)
        return WebhookWithSecret.with_secret(webhook, names, waiting.get(webhook.id, Waiting()), secret)

    async def views(self, webhooks: Sequence[Webhook]) -> list[WebhookView]:
        waiting = await self.repository.waiting([webhook.id for webhook in webhooks])
        return [
            WebhookView.of(webhook, self._header_names(webhook), waiting.get(webhook.id, Waiting()))
            for webhook in webhooks
        ]

    async def _switch(self, webhook: Webhook, *, enabled: bool) -> None:
        """It goes on at its place in the log, with what it missed meanwhile."""
        now = datetime.now(UTC)
        webhook.enabled = enabled
        webhook.disabled_reason, webhook.disabled_at = (None, None) if enabled else (BY_OWNER, now)
        if enabled:
            webhook.failing_since, webhook.due_at = None, now
            await DeliveryRepository(self._db).make_due(webhook.id, now)

    def _sealed_headers(self, webhook_id: uuid.UUID, headers: dict[str, str]) -> bytes | None:
        return self._secrets.seal_headers(webhook_id, headers) if headers else None

    def _sealed_hmac_key(self, webhook_id: uuid.UUID, key: str | None) -> bytes | None:
        return None if key is None else self._secrets.seal_hmac_key(webhook_id, key)

    def _header_names(self, webhook: Webhook) -> list[str]:
        sealed = webhook.sealed_headers
        return [] if sealed is None else list(self._secrets.open_headers(webhook.id, sealed))


async def provide_webhooks(
    db: NamedDependency[AsyncSession],
    keyring: NamedDependency[Keyring],
    egress: NamedDependency[Egress],
    sessions: NamedDependency[Sessions],
) -> Webhooks:
    """In the transaction of the request."""
    return Webhooks(db, Secrets(keyring), egress, sessions)
