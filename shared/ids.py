"""Identifiers: UUIDv7 inside, a readable prefix outside, and names that people type."""

import os
import re
import threading
import time
import uuid
from typing import NewType

UserId = NewType("UserId", uuid.UUID)
LoginId = NewType("LoginId", uuid.UUID)
ApiKeyId = NewType("ApiKeyId", uuid.UUID)
SessionId = NewType("SessionId", uuid.UUID)
WorkerId = NewType("WorkerId", str)
Epoch = NewType("Epoch", int)

NAME_MAX_LENGTH = 50
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


class _Ticks:
    """Milliseconds and a 12-bit sequence within them, which together never stand still or go back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._sequence = 0

    def next(self) -> tuple[int, int]:
        now = time.time_ns() // 1_000_000
        with self._lock:
            if now > self._millisecond:
                # Starts low, so that a burst in one millisecond has room to count up.
                self._millisecond, self._sequence = now, int.from_bytes(os.urandom(1), "big")
            elif self._sequence < 0xFFF:
                self._sequence += 1
            else:
                self._millisecond, self._sequence = self._millisecond + 1, 0
            return self._millisecond, self._sequence


_ticks = _Ticks()


def new_uuid() -> uuid.UUID:
    """A UUIDv7 that sorts after every one made before it by this process, even within one millisecond."""
    millisecond, sequence = _ticks.next()
    random_tail = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return uuid.UUID(int=millisecond << 80 | 0x7 << 76 | sequence << 64 | 0b10 << 62 | random_tail)


def public_id(prefix: str, value: uuid.UUID) -> str:
    return f"{prefix}-{value}"


def parse_public_id(prefix: str, text: str) -> uuid.UUID | None:
    """The UUID inside a public id, or None; only the one canonical spelling is accepted."""
    head, _, tail = text.partition("-")
    if head != prefix:
        return None
    try:
        value = uuid.UUID(tail)
    except ValueError:
        return None
    return value if str(value) == tail else None


def normalise_name(text: str) -> str | None:
    """Lower case, blanks and underscores to hyphens; None when what remains is not a valid name."""
    name = re.sub(r"[\s_]+", "-", text.strip().lower())
    if len(name) > NAME_MAX_LENGTH or not _NAME.fullmatch(name):
        return None
    return name
