"""What the agent and an engine say to each other."""

from enum import StrEnum

import msgspec

from shared.contracts.messages import FileTicket, OutgoingMessage, Sent
from shared.contracts.told import Told
from worker.whatsapp.port import Fetched, NumberFound, Proxy, Typing


class Command(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Answered with the same number. `session` is empty where the engine itself is meant."""

    number: int = 0
    session: str = ""


class Start(Command, frozen=True, kw_only=True):
    """Pairs a new device where `device_jid` is missing, else resumes the one that it names."""

    epoch: int
    address: str
    device_jid: str | None
    device_name: str
    proxy: Proxy | None = None
    # How often it asks the network whether it still hears it, in seconds.
    probe_every: float = 30.0


class AskPairingCode(Command, frozen=True, kw_only=True):
    phone: str


class Send(Command, frozen=True, kw_only=True):
    recipient: str
    message: OutgoingMessage


class MarkRead(Command, frozen=True, kw_only=True):
    chat: str
    sender: str
    whatsapp_ids: tuple[str, ...]
    played: bool = False


class SetTyping(Command, frozen=True, kw_only=True):
    chat: str
    state: Typing


class SetAvailable(Command, frozen=True, kw_only=True):
    available: bool


class WatchPresence(Command, frozen=True, kw_only=True):
    person: str


class FindNumbers(Command, frozen=True, kw_only=True):
    phones: tuple[str, ...]


class Fetch(Command, frozen=True, kw_only=True):
    ticket: FileTicket
    path: str


class RejectCall(Command, frozen=True, kw_only=True):
    sender: str
    call_id: str


class AskConnected(Command, frozen=True):
    pass


class LogOut(Command, frozen=True):
    pass


class Stop(Command, frozen=True):
    pass


class Ping(Command, frozen=True):
    """An engine that hangs does not answer, and is killed."""


class Lease(msgspec.Struct, frozen=True, tag=True):
    """On the clock that goes on while the machine sleeps. Past it the engine ends itself, without a word."""

    deadline: float


class Problem(StrEnum):
    NOT_CONNECTED = "not_connected"
    REFUSED = "refused"
    SILENT = "silent"
    STORE_AWAY = "store_away"
    LIMITED = "limited"
    UNCERTAIN = "uncertain"
    GONE = "gone"
    FAILED = "failed"


class Answer(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    number: int
    sent: Sent | None = None
    code: str | None = None
    numbers: tuple[NumberFound, ...] | None = None
    fetched: Fetched | None = None
    connected: bool | None = None
    problem: Problem | None = None
    # Of the library or the network, for a problem.
    words: str = ""


class Event(msgspec.Struct, frozen=True, tag=True):
    session: str
    epoch: int
    told: Told


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The library is loaded and, in the sandbox, redirected."""

    pid: int


SessionCommand = (
    Start
    | AskPairingCode
    | Send
    | MarkRead
    | SetTyping
    | SetAvailable
    | WatchPresence
    | FindNumbers
    | Fetch
    | RejectCall
    | AskConnected
    | LogOut
    | Stop
)
FromAgent = SessionCommand | Ping | Lease
FromEngine = Answer | Event | Ready
