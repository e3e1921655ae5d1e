"""What the control plane asks a worker, and how that answers."""

from enum import StrEnum

from shared.contracts.messages import MessageKey, PlainContent, Quoted, ReceivedFile
from shared.contracts.wire import Wire


class SendWish(Wire, frozen=True, kw_only=True, tag="send"):
    """A file comes by its key in the storage: a path from elsewhere would name one of the worker's own.

    `message_id` and `attempt` name it in the worker's journal, where the same attempt is made once only.
    """

    epoch: int
    message_id: str
    attempt: int
    recipient: str
    content: PlainContent
    reply_to: Quoted | None = None
    mentions: tuple[str, ...] = ()
    forwarded: bool = False


class NumbersWish(Wire, frozen=True, kw_only=True, tag="numbers"):
    """Which of these have an account."""

    epoch: int
    phones: tuple[str, ...]


class TypingWish(Wire, frozen=True, kw_only=True, tag="typing"):
    """typing, recording or paused."""

    epoch: int
    chat: str
    state: str


class ReadWish(Wire, frozen=True, kw_only=True, tag="read"):
    """Messages of one sender in one chat."""

    epoch: int
    chat: str
    sender: str
    whatsapp_ids: tuple[str, ...]
    played: bool = False


class FileWish(Wire, frozen=True, kw_only=True, tag="file"):
    """The file of a message is to be fetched and kept; what became of it is told like that of a new one."""

    epoch: int
    chat: str
    message: MessageKey
    content: ReceivedFile


Wish = SendWish | NumbersWish | TypingWish | ReadWish | FileWish


class NumberSeen(Wire, frozen=True, kw_only=True):
    phone: str
    exists: bool
    chat: str = ""
    lid: str = ""


class Outcome(StrEnum):
    """Of a command: what is known of it. `uncertain` says that nobody knows."""

    DONE = "done"
    NOT_HERE = "not_here"  # this worker does not run the session at that epoch
    NOT_CONNECTED = "not_connected"
    REFUSED = "refused"
    STORE_AWAY = "store_away"  # what the worker needs for it does not answer; nothing was sent
    LIMITED = "limited"  # the network wants less from this account; nothing was sent
    UNCERTAIN = "uncertain"
    UNANSWERED = "unanswered"  # the call broke: its worker may know more, and can be asked


class CommandAnswer(Wire, frozen=True, kw_only=True):
    outcome: Outcome
    whatsapp_id: str = ""
    timestamp: int = 0
    words: str = ""
    # Of a file that cannot be sent: a MediaCode.
    code: str = ""
    # Of the recipient, as far as the network told them.
    phone: str = ""
    lid: str = ""
    numbers: tuple[NumberSeen, ...] = ()


class Attempt(Wire, frozen=True, kw_only=True):
    """One try to send a message, at an epoch of its session."""

    message_id: str
    attempt: int
    session_id: str
    epoch: int


class Attempts(Wire, frozen=True, kw_only=True):
    asked: tuple[Attempt, ...]


class AttemptState(StrEnum):
    """What a worker's journal says of an attempt. Whatever says that it is over, it stays so."""

    NEVER = "never"  # it was not begun here, and it will not be
    RUNNING = "running"
    ENDED = "ended"  # as its answer says
    OPEN = "open"  # it was begun, and a crash hides how it ended
    UNKNOWN = "unknown"  # the journal of that time is gone


class AttemptSeen(Wire, frozen=True, kw_only=True):
    message_id: str
    attempt: int
    state: AttemptState
    answer: CommandAnswer | None = None


class AttemptsSeen(Wire, frozen=True, kw_only=True):
    seen: tuple[AttemptSeen, ...]


class Reloading(Wire, frozen=True, kw_only=True):
    """How many sessions are about to be started anew."""

    sessions: int


class Standing(Wire, frozen=True, kw_only=True):
    """How a worker answers a probe: who it is, so that a stranger at its address is noticed."""

    worker_id: str
    incarnation: int
