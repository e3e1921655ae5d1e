"""Links to the files of messages: signed, good for an hour, and each for one file."""

import base64
import hmac
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from control_plane.errors import AppError, Code, not_found
from control_plane.keyring import Keyring
from control_plane.messages.models import Message
from shared.contracts.messages import StoredFile
from shared.contracts.told import FileKept, FileNotKept
from shared.ids import UserId

_GOOD_FOR = timedelta(hours=1)
_PURPOSE = "media-link"
_ID, _MOMENT, _MAC = 16, 8, 16


@dataclass(frozen=True, slots=True)
class Link:
    path: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Linked:
    user_id: UserId
    message_id: uuid.UUID


class MediaLinks:
    def __init__(self, keyring: Keyring, good_for: timedelta = _GOOD_FOR) -> None:
        self._keyring = keyring
        self._good_for = good_for

    def link(self, message: Message) -> Link | None:
        """None where no file is kept."""
        if not message.media or "key" not in message.media:
            return None
        until = int((datetime.now(UTC) + self._good_for).timestamp())
        told = message.user_id.bytes + message.id.bytes + until.to_bytes(_MOMENT, "big")
        mac = self._keyring.digest(_PURPOSE, told)[:_MAC]
        token = base64.urlsafe_b64encode(told + mac).rstrip(b"=").decode()
        return Link(f"/v1/media/{token}", datetime.fromtimestamp(until, UTC))

    def linked(self, token: str) -> Linked:
        """Not found where it is none of ours; one that is over says so."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise not_found("file") from None
        told, mac = raw[:-_MAC], raw[-_MAC:]
        ours = (digest[:_MAC] for digest in self._keyring.digests(_PURPOSE, told))
        if len(told) != 2 * _ID + _MOMENT or not any(hmac.compare_digest(one, mac) for one in ours):
            raise not_found("file")
        if int.from_bytes(told[2 * _ID :], "big") <= datetime.now(UTC).timestamp():
            words = "This link is over. Get the message again: the answer holds a new one."
            raise AppError(Code.LINK_EXPIRED, words)
        user, message = (uuid.UUID(bytes=told[at : at + _ID]) for at in (0, _ID))
        return Linked(UserId(user), message)


def media_of_sent(file: StoredFile) -> dict[str, Any]:
    """Kept from the beginning."""
    return {
        "key": file.key,
        "size": file.size,
        "sha256": file.sha256.hex(),
        "contentType": file.mimetype or "application/octet-stream",
    }


def media_of(told: FileKept | FileNotKept) -> dict[str, Any]:
    """As the message's row holds it."""
    if isinstance(told, FileNotKept):
        return {"error": told.code, "detail": told.words}
    return {
        "key": told.key,
        "size": told.size,
        "sha256": told.sha256.hex(),
        "contentType": told.content_type,
    }
