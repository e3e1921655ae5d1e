"""Where a reader of the event log stands, and the signed cursor that tells it outside."""

import base64
import hmac
import struct
import uuid
from typing import NamedTuple

from control_plane.errors import AppError, Code
from control_plane.keyring import Keyring

_PURPOSE = "event-cursor"
_SIGNATURE_BYTES = 16
_FORM = struct.Struct(">QQ")


class Place(NamedTuple):
    """Everything up to and including this was read; (horizon, 0) stands before all that was still open."""

    xid: int
    position: int


BEGINNING = Place(0, 0)


class Places:
    """A cursor is good for the tenant that it was made for, and survives a change of the master key."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def cursor(self, tenant: uuid.UUID, place: Place) -> str:
        body = _FORM.pack(*place)
        signature = self._keyring.digest(_PURPOSE, tenant.bytes + body)[:_SIGNATURE_BYTES]
        return _text(signature + body)

    def place(self, tenant: uuid.UUID, cursor: str) -> Place:
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
            place = Place(*_FORM.unpack(body))
        except (ValueError, struct.error):
            raise _refused() from None
        known = [digest[:_SIGNATURE_BYTES] for digest in self._keyring.digests(_PURPOSE, tenant.bytes + body)]
        # The decoder overlooks what is no base64: only the one spelling is ours.
        if _text(raw) != cursor or not any(hmac.compare_digest(signature, digest) for digest in known):
            raise _refused()
        return place


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _refused() -> AppError:
    return AppError(
        Code.INVALID_CURSOR,
        "The cursor is not one of your events. Start without a cursor, or with after=latest.",
    )
