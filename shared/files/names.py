"""Names of files as strangers write them, made harmless for whoever saves the file."""

import re
import unicodedata

_LONGEST = 120
_LONGEST_BYTES = 240
LONGEST_EXTENSION = 10
# Joiners that emoji and some scripts are written with; the other unseen characters turn words around or hide.
_KEPT = frozenset("\u200c\u200d")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_RESERVED = re.compile(r'[<>:"|?*]')


def safe_name(name: str) -> str:
    """Its last part without what no file system takes or no reader sees; empty when nothing remains."""
    # Longer ones are not names; all that follows takes time that grows with them.
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name[-4096:]))[-1]
    seen = "".join(
        letter for letter in last if letter in _KEPT or unicodedata.category(letter) not in _UNSEEN
    )
    plain = " ".join(_RESERVED.sub("_", seen).split()).strip(". ")
    if not plain.strip("".join(_KEPT) + ". "):
        return ""
    stem, dot, extension = plain.rpartition(".")
    if not dot or len(extension) > LONGEST_EXTENSION:
        return _shortened(plain, _LONGEST, _LONGEST_BYTES)
    tail = f".{extension}"
    shorter = _shortened(stem, _LONGEST - len(tail), _LONGEST_BYTES - len(tail.encode()))
    return (shorter or "file") + tail


def _shortened(text: str, letters: int, size: int) -> str:
    cut = text[:letters].encode()[:size].decode(errors="ignore")
    return cut.strip(". ")
