"""What comes from outside, made fit for our tables: names of any length, times of any kind."""

import hashlib
from datetime import UTC, datetime

_LONGEST_KEY = 200
_LONGEST_TEXT = 100_000


def short(name: str) -> str:
    """Senders may choose ids of any length; an index may not hold them."""
    if len(name) <= _LONGEST_KEY:
        return name
    return "sha256:" + hashlib.sha256(name.encode(errors="replace")).hexdigest()


def searchable(text: str | None) -> str | None:
    """The search takes no more of a text; nobody's app writes that much. All of it stays in the content."""
    return text[:_LONGEST_TEXT] if text is not None else None


def moment(timestamp: int) -> datetime:
    """The library's are in seconds, except for those of messages, which are in milliseconds."""
    seconds = timestamp / 1000 if timestamp > 100_000_000_000 else timestamp
    try:
        return datetime.fromtimestamp(seconds, UTC) if timestamp > 0 else datetime.now(UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.now(UTC)
