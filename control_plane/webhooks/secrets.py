"""What an endpoint keeps to itself: encrypted at rest, and opened only for the endpoint it was sealed for."""

import base64
import binascii
import secrets
import uuid

import msgspec

from control_plane.keyring import Keyring

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
_MADE_BYTES = 32
_SECRET, _HEADERS, _HMAC_KEY = "webhook-secret", "webhook-headers", "webhook-hmac-key"


class Secrets:
    """An old secret is sealed like a new one: a rotation moves what is sealed."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def make(self) -> str:
        return PREFIX + base64.b64encode(secrets.token_bytes(_MADE_BYTES)).decode()

    def seal_secret(self, webhook_id: uuid.UUID, secret: str) -> bytes:
        return self._keyring.seal(_SECRET, secret.encode(), webhook_id.bytes)

    def open_secret(self, webhook_id: uuid.UUID, sealed: bytes) -> str:
        return self._keyring.open(_SECRET, sealed, webhook_id.bytes).decode()

    def seal_headers(self, webhook_id: uuid.UUID, headers: dict[str, str]) -> bytes:
        return self._keyring.seal(_HEADERS, msgspec.json.encode(headers), webhook_id.bytes)

    def open_headers(self, webhook_id: uuid.UUID, sealed: bytes) -> dict[str, str]:
        opened = self._keyring.open(_HEADERS, sealed, webhook_id.bytes)
        return msgspec.json.decode(opened, type=dict[str, str])

    def seal_hmac_key(self, webhook_id: uuid.UUID, key: str) -> bytes:
        return self._keyring.seal(_HMAC_KEY, key.encode(), webhook_id.bytes)

    def open_hmac_key(self, webhook_id: uuid.UUID, sealed: bytes) -> str:
        return self._keyring.open(_HMAC_KEY, sealed, webhook_id.bytes).decode()


def is_secret(text: str) -> bool:
    """Whether every library of Standard Webhooks reads the same bytes from it, and enough of them."""
    if not text.startswith(PREFIX):
        return False
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        return False
    # One spelling only: the last sign may hold bits that decoders overlook.
    return SHORTEST <= len(raw) <= LONGEST and base64.b64encode(raw).decode() == text.removeprefix(PREFIX)
