"""Files inside messages: sealed with a key that travels in the message, fetched from the media host."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from worker.sandbox.hosts import MEDIA_HOST
from worker.sandbox.library import Message
from worker.sandbox.media_host import MediaHost
from worker.sandbox.signal import blocks
from worker.sandbox.signal.derivation import derive

_MAC_LENGTH = 10


@dataclass(frozen=True, slots=True)
class _Kind:
    """The field of the message, and the name that its keys are derived with."""

    field: str
    keys: bytes


KINDS = {
    "image": _Kind("imageMessage", b"WhatsApp Image Keys"),
    "video": _Kind("videoMessage", b"WhatsApp Video Keys"),
    "audio": _Kind("audioMessage", b"WhatsApp Audio Keys"),
    "document": _Kind("documentMessage", b"WhatsApp Document Keys"),
    "sticker": _Kind("stickerMessage", b"WhatsApp Image Keys"),
}


def file_message(host: MediaHost, kind: str, data: bytes, mimetype: str, **details: Any) -> Any:
    """`details` are further fields of that kind: caption, fileName, seconds, PTT …"""
    key = secrets.token_bytes(32)
    sealed = _seal(data, key, KINDS[kind].keys)
    direct_path = host.keep(sealed)
    message: Any = Message()
    part = getattr(message, KINDS[kind].field)
    part.URL = f"https://{MEDIA_HOST}{direct_path}"
    part.directPath = direct_path
    part.mediaKey = key
    part.mimetype = mimetype
    part.fileLength = len(data)
    part.fileSHA256 = hashlib.sha256(data).digest()
    part.fileEncSHA256 = hashlib.sha256(sealed).digest()
    for name, value in details.items():
        setattr(part, name, value)
    return message


def read_file(host: MediaHost, message: Any) -> bytes:
    """The file of a message; ValueError when it has none or it is not what the message promised."""
    for kind in KINDS.values():
        if message.HasField(kind.field):
            part = getattr(message, kind.field)
            data = _open(host.fetch(part.directPath), part.mediaKey, kind.keys)
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
