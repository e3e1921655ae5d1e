"""Files inside messages: sealed with a key that travels in the message, fetched from the media host."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.sandbox.hosts import MEDIA_HOST
from worker.sandbox.library import Message
from worker.sandbox.media_host import MediaHost
from worker.sandbox.message_forms import innermost
from worker.sandbox.signal import blocks
from worker.sandbox.signal.derivation import derive

_MAC_LENGTH = 10


@dataclass(frozen=True, slots=True)
class _Kind:
    """The name of the field, what its keys are derived for, and what the kind says of itself there."""

    name: str
    purpose: str
    told: Mapping[str, Any] = field(default_factory=dict)


KINDS = {
    "image": _Kind("imageMessage", "image"),
    "video": _Kind("videoMessage", "video"),
    "audio": _Kind("audioMessage", "audio"),
    "document": _Kind("documentMessage", "document"),
    "sticker": _Kind("stickerMessage", "image"),
    "voice": _Kind("audioMessage", "audio", {"PTT": True}),
    "gif": _Kind("videoMessage", "video", {"gifPlayback": True}),
    "video_note": _Kind("ptvMessage", "video"),
}
_PURPOSES = {
    "image": b"WhatsApp Image Keys",
    "video": b"WhatsApp Video Keys",
    "audio": b"WhatsApp Audio Keys",
    "document": b"WhatsApp Document Keys",
    "history": b"WhatsApp History Keys",
}


def file_message(host: MediaHost, kind: str, data: bytes, mimetype: str, **details: Any) -> Any:
    """`details` are further fields of that kind: caption, fileName, seconds, waveform …"""
    message: Any = Message()
    part = getattr(message, KINDS[kind].name)
    attach(host, part, KINDS[kind].purpose, data)
    part.URL = f"https://{MEDIA_HOST}{part.directPath}"
    part.mimetype = mimetype
    for name, value in {**KINDS[kind].told, **details}.items():
        setattr(part, name, value)
    return message


def attach(host: MediaHost, part: Any, purpose: str, data: bytes) -> None:
    """Leaves the sealed file at the host, and in this part of a message all that it takes to open it."""
    key = secrets.token_bytes(32)
    sealed = _seal(data, key, _PURPOSES[purpose])
    part.directPath = host.keep(sealed)
    part.mediaKey = key
    part.fileLength = len(data)
    part.fileSHA256 = hashlib.sha256(data).digest()
    part.fileEncSHA256 = hashlib.sha256(sealed).digest()


def read_file(host: MediaHost, message: Any) -> bytes:
    """The file of a message; ValueError when it has none or it is not what the message promised."""
    bare = innermost(message)
    for kind in KINDS.values():
        if bare.HasField(kind.name):
            part = getattr(bare, kind.name)
            data = _open(host.fetch(part.directPath), part.mediaKey, _PURPOSES[kind.purpose])
            if hashlib.sha256(data).digest() != part.fileSHA256 or len(data) != part.fileLength:
                raise ValueError("the file is not the one that the message promised")
            return data
    raise ValueError("a message without a file")


def _seal(data: bytes, key: bytes, name: bytes) -> bytes:
    keys = derive(key, name, 112)
    iv, sealed = keys[:16], blocks.encrypt(keys[16:48], keys[:16], data)
    return sealed + hmac.digest(keys[48:80], iv + sealed, hashlib.sha256)[:_MAC_LENGTH]


def _open(data: bytes, key: bytes, name: bytes) -> bytes:
    keys = derive(key, name, 112)
    iv, sealed, mac = keys[:16], data[:-_MAC_LENGTH], data[-_MAC_LENGTH:]
    if not hmac.compare_digest(hmac.digest(keys[48:80], iv + sealed, hashlib.sha256)[:_MAC_LENGTH], mac):
        raise ValueError("a file whose MAC does not fit its key")
    return blocks.decrypt(keys[16:48], iv, sealed)
