"""What phones read and write, in the words of their owners."""

import secrets
from dataclasses import dataclass
from typing import Any

from worker.sandbox.chance import Chance
from worker.sandbox.devices import DeviceName
from worker.sandbox.library import Message

_LONGEST_PADDING = 16


@dataclass(frozen=True, slots=True)
class Received:
    """`chat` is the number of the other person, also for what the owner sent from a companion.

    `for_phone` is what a companion says to its own phone and no person reads.
    """

    message_id: str
    chat: str
    sender: DeviceName
    from_me: bool
    timestamp: int
    content: Any
    for_phone: bool = False

    @property
    def text(self) -> str:
        plain = str(self.content.conversation)
        return plain or str(self.content.extendedTextMessage.text)


@dataclass(frozen=True, slots=True)
class Receipt:
    """`kind` is empty for delivered; else read, played, inactive."""

    message_ids: tuple[str, ...]
    sender: DeviceName
    kind: str


def copy_for_companions(content: Any, to: str) -> Any:
    """What the owner's other devices get: the message, and to whom it went."""
    copy = Message()
    copy.deviceSentMessage.destinationJID = to
    copy.deviceSentMessage.message.CopyFrom(content)
    return copy


def new_message_id(chance: Chance) -> str:
    return "3A" + chance.draw(9).hex().upper()


def padded(plain: bytes) -> bytes:
    length = secrets.randbelow(_LONGEST_PADDING) + 1
    return plain + bytes([length]) * length


def unpadded(padded_plain: bytes) -> bytes:
    """ValueError when the padding is not what every client writes."""
    length = padded_plain[-1] if padded_plain else 0
    if not length or not padded_plain.endswith(bytes([length]) * length):
        raise ValueError("a message with wrong padding")
    return padded_plain[:-length]
