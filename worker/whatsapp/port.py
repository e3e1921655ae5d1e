"""What we ask of a WhatsApp client and what it tells us, in our own words; the library stands behind it."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from worker.whatsapp.event_map import Meaning


class QrShown(msgspec.Struct, frozen=True, tag=True):
    """One code of several; each is good for `seconds`, and then the next one comes or the pairing ends."""

    code: str
    number: int
    seconds: int


class Paired(msgspec.Struct, frozen=True, tag=True):
    """The device that was made: with it the client comes back without a scan."""

    device_jid: str
    business_name: str
    platform: str


class StateSeen(msgspec.Struct, frozen=True, tag=True):
    meaning: Meaning


class Fenced(msgspec.Struct, frozen=True, tag=True):
    """The store refused a write: another worker owns the session. The client was stopped."""


class TextReceived(msgspec.Struct, frozen=True, tag=True):
    whatsapp_id: str
    chat: str
    sender: str
    sender_phone: str
    from_me: bool
    push_name: str
    timestamp: int
    text: str


class ReceiptSeen(msgspec.Struct, frozen=True, tag=True):
    chat: str
    sender: str
    whatsapp_ids: list[str]
    kind: str
    timestamp: int


class Sent(msgspec.Struct, frozen=True):
    whatsapp_id: str
    timestamp: int


Told = QrShown | Paired | StateSeen | Fenced | TextReceived | ReceiptSeen
Listener = Callable[[Told], None]


class NotConnected(Exception):  # noqa: N818 (a state, and no fault)
    """The client is down at this moment; nothing was sent."""


class Refused(Exception):  # noqa: N818
    """The library or the network refused the call; the text says why, in their words."""


class WhatsAppClient(Protocol):
    async def pair(self) -> None:
        """As a new device; codes come to the listener."""

    async def pairing_code(self, phone: str) -> str:
        """Instead of a scan: the code that the owner types into the phone. After the first QR code."""

    async def resume(self, device_jid: str) -> None:
        """As a device that is in the store; the caller has made sure that it is."""

    async def send_text(self, recipient: str, text: str) -> Sent: ...

    async def log_out(self) -> None:
        """Drops the credentials, here and on the phone."""

    async def stop(self) -> None:
        """Ends the connection and keeps the credentials. May be called twice."""
