"""An endpoint as its row says: where it is, what it wants, how it is signed for."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from yarl import URL

from control_plane.events.places import Place
from control_plane.webhooks.dispatch.parcels import Letter
from control_plane.webhooks.secrets import Secrets

# What the statements of the dispatcher read of a row.
COLUMNS = (
    "w.id, w.claim_token, w.user_id, w.url, w.types, w.session_ids, w.only_sandbox, w.sealed_headers,"
    " w.sealed_secret, w.sealed_old_secret, w.old_secret_until, w.sealed_hmac_key, w.enabled,"
    " w.failing_since, w.recovered_at, w.xid, w.position"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    id: uuid.UUID
    token: uuid.UUID
    user_id: uuid.UUID
    url: str
    types: frozenset[str] | None
    session_ids: frozenset[uuid.UUID] | None
    only_sandbox: bool
    enabled: bool
    failing_since: datetime | None
    recovered_at: datetime | None
    place: Place
    sealed_secret: bytes
    sealed_old_secret: bytes | None
    old_secret_until: datetime | None
    sealed_headers: bytes | None
    sealed_hmac_key: bytes | None

    @classmethod
    def of(cls, row: Any) -> "Endpoint":
        return cls(
            id=row.id,
            token=row.claim_token,
            user_id=row.user_id,
            url=row.url,
            types=None if row.types is None else frozenset(row.types),
            session_ids=None if row.session_ids is None else frozenset(row.session_ids),
            only_sandbox=row.only_sandbox,
            enabled=row.enabled,
            failing_since=row.failing_since,
            recovered_at=row.recovered_at,
            place=Place(row.xid, row.position),
            sealed_secret=row.sealed_secret,
            sealed_old_secret=row.sealed_old_secret,
            old_secret_until=row.old_secret_until,
            sealed_headers=row.sealed_headers,
            sealed_hmac_key=row.sealed_hmac_key,
        )

    @property
    def host(self) -> tuple[uuid.UUID, str]:
        """Of one account: what somebody else's requests do to a host they share is no sign for this one."""
        try:
            return self.user_id, str(URL(self.url).origin())
        except ValueError:
            return self.user_id, self.url

    def wants(self, letter: Letter) -> bool:
        if self.only_sandbox and not letter.sandbox:
            return False
        if self.session_ids is not None and letter.session_id not in self.session_ids:
            return False
        return self.types is None or letter.type in self.types


@dataclass(frozen=True, slots=True)
class Opened:
    """What is sealed in a row, for as long as one request is made."""

    secrets: tuple[str, ...]
    headers: dict[str, str]
    hmac_key: str | None

    @classmethod
    def of(cls, endpoint: Endpoint, keys: Secrets, now: datetime) -> "Opened":
        sealed = [endpoint.sealed_secret]
        old = endpoint.sealed_old_secret
        if old is not None and endpoint.old_secret_until is not None and now < endpoint.old_secret_until:
            sealed.append(old)
        headers, hmac_key = endpoint.sealed_headers, endpoint.sealed_hmac_key
        return cls(
            secrets=tuple(keys.open_secret(endpoint.id, each) for each in sealed),
            headers={} if headers is None else keys.open_headers(endpoint.id, headers),
            hmac_key=None if hmac_key is None else keys.open_hmac_key(endpoint.id, hmac_key),
        )
