"""Single fields as strangers fill them: of the wrong form, of the wrong type, or far too long."""

import hashlib
import re
from typing import Any

from worker.whatsapp.jids import plain_address

_ID = re.compile(r"[!-~]{1,128}")
_LONGEST_THUMBNAIL = 128 * 1024


def words(value: Any) -> str:
    """Bytes that are no UTF-8 come as bytes, which nothing behind us expects; and databases take no zeros."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text.replace("\0", "\ufffd")


def message_id(value: Any) -> str:
    """Empty where it is none: ids are passed on in lists that are parted by blanks."""
    text = words(value)
    return text if _ID.fullmatch(text) else ""


def id_of_told(value: Any) -> str:
    """Of a message that is told: in the place of an id that cannot be passed on another, always the same."""
    return message_id(value) or hashlib.sha256(words(value).encode()).hexdigest()


def address(value: Any) -> str:
    return plain_address(words(value))


def thumbnail(value: bytes) -> bytes:
    return value if len(value) <= _LONGEST_THUMBNAIL else b""
