"""What we ask of a WhatsApp client and what it tells us, in our own words; the library stands behind it."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from shared.contracts.messages import FileTicket, MessageKey, OutgoingMessage, ReceivedMessage, Record, Sent
from worker.whatsapp.meaning import Meaning

# ---- what it tells ----


class QrShown(Record, frozen=True, kw_only=True, tag=True):
    """One code of several; each is good for `seconds`, and then the next one comes or the pairing ends."""

    code: str
    number: int
    seconds: int


class Paired(Record, frozen=True, kw_only=True, tag=True):
    """The device that was made: with it the client comes back without a scan."""

    device_jid: str
    business_name: str
    platform: str


class LoggedInAs(Record, frozen=True, kw_only=True, tag=True):
    """Who the client is: told after each log-in, for names change."""

    device_jid: str
    phone: str
    lid: str
    display_name: str


class StateSeen(Record, frozen=True, kw_only=True, tag=True):
    meaning: Meaning


class Fenced(Record, frozen=True, kw_only=True, tag=True):
    """The store refused a write: another worker owns the session. The client was stopped."""


class MessageReceived(Record, frozen=True, kw_only=True, tag=True):
    message: ReceivedMessage


class Undecryptable(Record, frozen=True, kw_only=True, tag=True):
    """Others may be able to read it; here it stays shut unless its sender sends it again."""

    whatsapp_id: str
    chat: str
    sender: str
    timestamp: int
    # Only to be seen on the phone, such as a picture for one look.
    withheld: bool = False


class ReceiptSeen(Record, frozen=True, kw_only=True, tag=True):
    chat: str
    sender: str
    whatsapp_ids: tuple[str, ...]
    kind: str
    timestamp: int


class HistoryReceived(Record, frozen=True, kw_only=True, tag=True):
    """A part of what the phone remembers; `progress` in per cent, 0 when the network does not tell."""

    kind: str
    progress: int
    messages: tuple[ReceivedMessage, ...]


class TypingSeen(Record, frozen=True, kw_only=True, tag=True):
    """typing, recording or paused."""

    chat: str
    sender: str
    state: str


class PresenceSeen(Record, frozen=True, kw_only=True, tag=True):
    """`last_seen` is 0 where the person hides it."""

    sender: str
    available: bool
    last_seen: int


class CallSeen(Record, frozen=True, kw_only=True, tag=True):
    """offered or ended."""

    call_id: str
    sender: str
    state: str
    timestamp: int


class GroupChanged(Record, frozen=True, kw_only=True, tag=True):
    """Only what changed is set; `joined` tells that this account is new in it."""

    group: str
    author: str
    timestamp: int
    joined: bool = False
    subject: str = ""
    description: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    promoted: tuple[str, ...] = ()
    demoted: tuple[str, ...] = ()


class FileKept(Record, frozen=True, kw_only=True, tag=True):
    """The file of a received message is in our storage, for as long as we want it."""

    message: MessageKey
    chat: str
    key: str
    size: int
    sha256: bytes
    content_type: str


class FileNotKept(Record, frozen=True, kw_only=True, tag=True):
    """It never will be; `code` is stable, the words are for people."""

    message: MessageKey
    chat: str
    code: str
    words: str


Told = (
    QrShown
    | Paired
    | LoggedInAs
    | StateSeen
    | Fenced
    | MessageReceived
    | Undecryptable
    | ReceiptSeen
    | HistoryReceived
    | TypingSeen
    | PresenceSeen
    | CallSeen
    | GroupChanged
    | FileKept
    | FileNotKept
)
Listener = Callable[[Told], None]


# ---- what we ask ----


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
