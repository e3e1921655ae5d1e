"""What the control plane asks a worker, and how that answers."""

from enum import StrEnum

from shared.contracts.messages import PlainContent, Quoted
from shared.contracts.wire import Wire


class SendWish(Wire, frozen=True, kw_only=True, tag="send"):
    """Without files: a path from elsewhere would name one of the worker's own."""

    epoch: int
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


Wish = SendWish | NumbersWish | TypingWish | ReadWish


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
    UNCERTAIN = "uncertain"


class CommandAnswer(Wire, frozen=True, kw_only=True):
    outcome: Outcome
    whatsapp_id: str = ""
    timestamp: int = 0
    words: str = ""
    numbers: tuple[NumberSeen, ...] = ()


class Reloading(Wire, frozen=True, kw_only=True):
    """How many sessions are about to be started anew."""

    sessions: int


class Standing(Wire, frozen=True, kw_only=True):
    """How a worker answers a probe: who it is, so that a stranger at its address is noticed."""

    worker_id: str
    incarnation: int
