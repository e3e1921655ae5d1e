"""What we ask of a WhatsApp client, in our own words; the library stands behind it."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from shared.contracts.messages import FileTicket, OutgoingMessage, Record, Sent
from shared.contracts.told import Told

Listener = Callable[[Told], None]


class Typing(StrEnum):
    TYPING = "typing"
    RECORDING = "recording"
    PAUSED = "paused"


class NumberFound(Record, frozen=True, kw_only=True):
    """`phone` as it was asked for; the addresses are empty when nobody has it."""

    phone: str
    exists: bool
    jid: str = ""
    lid: str = ""


class Fetched(Record, frozen=True, kw_only=True):
    """A file that was fetched, opened, and found to be what its message promised."""

    size: int
    sha256: bytes


class Proxy(Record, frozen=True, kw_only=True):
    """For one session's traffic: socks5://… or http://…, with a name and password in it if need be."""

    url: str


class NotConnected(Exception):  # noqa: N818 (a state, and no fault)
    """The client is down at this moment; nothing was sent."""


class Refused(Exception):  # noqa: N818
    """The library or the network refused the call; the text says why, in their words."""


class Silent(Refused):
    """Nobody answered in time; the same may be asked again."""


class StoreAway(Refused):
    """What keeps credentials or files does not answer at this moment; nothing was sent."""


class Limited(Refused):
    """The network wants less from this account for a while."""


class Uncertain(Exception):  # noqa: N818
    """It went out and no answer came: it may have been sent, and nobody here can tell."""


class Gone(Exception):  # noqa: N818
    """The network no longer has the file."""


class WhatsAppClient(Protocol):
    async def pair(self) -> None:
        """As a new device; codes come to the listener."""

    async def pairing_code(self, phone: str) -> str:
        """Instead of a scan: the code that the owner types into the phone. After the first QR code."""

    async def resume(self, device_jid: str) -> None:
        """As a device that is in the store; the caller has made sure that it is."""

    async def send(self, recipient: str, message: OutgoingMessage) -> Sent: ...

    async def mark_read(
        self, chat: str, sender: str, whatsapp_ids: tuple[str, ...], *, played: bool = False
    ) -> None:
        """Messages of one sender in one chat; `played` is for voice notes."""

    async def set_typing(self, chat: str, state: Typing) -> None: ...

    async def set_available(self, available: bool) -> None:
        """While it is not available, the phone gets its own notifications and nobody sees it online."""

    async def watch_presence(self, person: str) -> None: ...

    async def find_numbers(self, phones: tuple[str, ...]) -> tuple[NumberFound, ...]:
        """Which of these have an account."""

    async def fetch(self, ticket: FileTicket, path: str) -> Fetched:
        """A received file into a new file of this machine."""

    async def reject_call(self, sender: str, call_id: str) -> None: ...

    async def connected(self) -> bool:
        """As the library says; a client that is deaf says yes as well."""

    async def log_out(self) -> None:
        """Drops the credentials, here and on the phone."""

    async def stop(self) -> None:
        """Ends the connection and keeps the credentials. May be called twice."""
