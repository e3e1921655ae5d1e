"""How long and how many: beyond these the network refuses, or worse, accepts what no phone can show."""

import re

LONGEST_TEXT = 65_536
_ID = re.compile(r"[!-~]{1,128}")


def check_text(text: str, what: str, longest: int, *, empty: bool = False) -> str:
    if not empty and not text.strip():
        raise ValueError(f"{what} is empty")
    if len(text) > longest:
        raise ValueError(f"{what} has {len(text):,} characters; at most {longest:,} are possible")
    return text


def check_id(whatsapp_id: str) -> str:
    """Ids go to the library in lists that are parted by blanks, and as strings that end at a zero."""
    if not _ID.fullmatch(whatsapp_id):
        raise ValueError("this is no id of a message: 1 to 128 characters without blanks")
    return whatsapp_id


def check_line(text: str, what: str, longest: int) -> str:
    """A name that is shown in one line; may be empty."""
    if any(ord(character) < 32 for character in text):
        raise ValueError(f"{what} must be one line without control characters")
    return check_text(text, what, longest, empty=True)
