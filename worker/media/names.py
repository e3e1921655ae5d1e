"""Names of files as strangers write them, made harmless for whoever saves the file."""

import mimetypes
import re
import unicodedata

from worker.media import forms

_LONGEST = 120
_LONGEST_BYTES = 240
_LONGEST_EXTENSION = 10
# Joiners that emoji and some scripts are written with; the other unseen characters turn words around or hide.
_KEPT = frozenset("\u200c\u200d")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_RESERVED = re.compile(r'[<>:"|?*]')
_EXTENSION = re.compile(r"[a-z0-9]{1,10}")
# Where the standard library knows none, or one that surprises.
_EXTENSIONS = {form.mimetype.partition(";")[0]: form.extension for form in forms.ALL} | {
    "text/plain": "txt",
    "application/gzip": "gz",
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
    "application/x-rar": "rar",
    "application/octet-stream": "bin",
}


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
    if not dot or len(extension) > _LONGEST_EXTENSION:
        return _shortened(plain, _LONGEST, _LONGEST_BYTES)
    tail = f".{extension}"
    shorter = _shortened(stem, _LONGEST - len(tail), _LONGEST_BYTES - len(tail.encode()))
    return (shorter or "file") + tail


def named(name: str, mimetype: str) -> str:
    """Always a name, and always with an extension."""
    stem = safe_name(name) or "file"
    has_extension = 0 < len(stem.rpartition(".")[2]) <= _LONGEST_EXTENSION and "." in stem
    return stem if has_extension else f"{stem}.{extension_of(mimetype)}"


def renamed(name: str, extension: str) -> str:
    """After a conversion; without a name it stays so."""
    stem = safe_name(name)
    head, dot, _ = stem.rpartition(".")
    return f"{head if dot else stem}.{extension}" if stem else ""


def extension_of(mimetype: str) -> str:
    plain = mimetype.partition(";")[0].strip().lower()
    guessed = _EXTENSIONS.get(plain) or (mimetypes.guess_extension(plain) or "").lstrip(".").lower()
    return guessed if _EXTENSION.fullmatch(guessed) else "bin"


def _shortened(text: str, letters: int, size: int) -> str:
    cut = text[:letters].encode()[:size].decode(errors="ignore")
    return cut.strip(". ")
