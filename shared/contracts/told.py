"""What a session's client tells, from the engine to the agent to the control plane."""

from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.messages import MessageKey, ReceivedMessage, Record
from shared.session_state import Reason, SessionState


class Then(StrEnum):
    """What becomes of the client."""

    GO_ON = "go_on"  # it reconnects by itself, or is well
    STOP = "stop"  # it is dead or must not fight; the credentials stay
    FORGET = "forget"  # its credentials are gone


@dataclass(frozen=True, slots=True)
class Meaning:
    state: SessionState
    reason: Reason
    then: Then
    # For the owner and the timeline: what the network said, and when a ban ends.
    detail: str = ""
    seconds: int | None = None

    @property
    def forgets(self) -> bool:
        return self.then is Then.FORGET


class QrShown(Record, frozen=True, kw_only=True, tag=True):
    """One code of several; each is good for `seconds`, and then the next one comes or the pairing ends."""

    code: str
    number: int
    seconds: int


class PairingCodeShown(Record, frozen=True, kw_only=True, tag=True):
    """What the owner types into the phone instead of a scan; good for `seconds`."""

    code: str
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


class Probed(Record, frozen=True, kw_only=True, tag=True):
    """Whether the network answered a question, and how fast. Told with the next heartbeat, never kept."""

    answered: bool
    milliseconds: float = 0.0


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
    from_me: bool = False
    chat_phone: str = ""
    sender_phone: str = ""
    sender_lid: str = ""
    push_name: str = ""


class ReceiptSeen(Record, frozen=True, kw_only=True, tag=True):
    """`from_me`: another device of the account tells what was read there."""

    chat: str
    sender: str
    whatsapp_ids: tuple[str, ...]
    kind: str
    timestamp: int
    from_me: bool = False
    sender_phone: str = ""
    sender_lid: str = ""


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
    | PairingCodeShown
    | Paired
    | LoggedInAs
    | StateSeen
    | Fenced
    | Probed
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

# Told once, to whoever listens then: worth nothing a minute later, and never written to a spool.
PASSING = (QrShown, PairingCodeShown, Probed)
