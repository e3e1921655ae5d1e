"""What a file is called when it leaves: a harmless name, with the extension of what it is."""

import mimetypes
import re

from shared.files.names import LONGEST_EXTENSION, safe_name
from worker.media import forms

__all__ = ["extension_of", "named", "renamed", "safe_name"]

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


def named(name: str, mimetype: str) -> str:
    """Always a name, and always with an extension."""
    stem = safe_name(name) or "file"
    has_extension = 0 < len(stem.rpartition(".")[2]) <= LONGEST_EXTENSION and "." in stem
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
