"""Names of kept files: made by us of what cannot climb out of its folder."""

import hashlib
import re
from uuid import UUID

_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*(\.[a-z0-9]{1,10})?")
_LONGEST_KEY = 512
_SESSION = re.compile(r"[A-Za-z0-9-]{1,64}")
_PLAIN_ID = re.compile(r"[A-Za-z0-9]{1,64}")
_EXTENSION = re.compile(r"[a-z0-9]{1,10}")
_HASH = 32


def media_key(session_id: UUID | str, whatsapp_id: str, sha256: bytes, extension: str) -> str:
    """The same for the same message and content; senders choose the ids, and some choose strange ones."""
    if len(sha256) != _HASH:
        raise ValueError("a key needs the SHA-256 of the file")
    message = whatsapp_id
    if not _PLAIN_ID.fullmatch(message):
        message = "h-" + hashlib.sha256(whatsapp_id.encode(errors="surrogatepass")).hexdigest()[:40]
    ending = extension if _EXTENSION.fullmatch(extension) else "bin"
    return f"{session_folder(session_id)}/{sha256[:1].hex()}/{message}-{sha256.hex()}.{ending}"


def outgoing_key(session_id: UUID | str, file_id: UUID) -> str:
    """Of a file that is to be sent; each has its own, so that each can be deleted for itself."""
    return f"{session_folder(session_id)}/out/{file_id.hex}"


def session_folder(session_id: UUID | str) -> str:
    """In front of all keys of a session, and of no other's."""
    session = str(session_id)
    if not _SESSION.fullmatch(session):
        raise ValueError("this is no id of a session")
    return f"sessions/{session}"


def checked(key: str) -> str:
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        raise ValueError("this is no key of ours")
    return key
