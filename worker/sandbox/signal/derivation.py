"""How keys come from keys."""

import hashlib
import hmac
from typing import NamedTuple

_BLOCK = 32
_NO_SALT = bytes(_BLOCK)


class MessageKeys(NamedTuple):
    cipher: bytes
    mac: bytes
    iv: bytes


def derive(secret: bytes, info: bytes, length: int, salt: bytes | None = None) -> bytes:
    """HKDF with SHA-256. Each message needs several, and a library's objects take longer than the sums."""
    key = hmac.digest(salt or _NO_SALT, secret, hashlib.sha256)
    block = derived = b""
    for number in range(1, -(-length // _BLOCK) + 1):
        block = hmac.digest(key, block + info + bytes([number]), hashlib.sha256)
        derived += block
    return derived[:length]


def first_keys(secrets: bytes) -> tuple[bytes, bytes]:
    """Root key and first chain key, from the agreements of X3DH."""
    keys = derive(b"\xff" * 32 + secrets, b"WhisperText", 64)
    return keys[:32], keys[32:]


def next_root(root_key: bytes, agreement: bytes) -> tuple[bytes, bytes]:
    """Root key and chain key after one turn of the Diffie-Hellman ratchet."""
    keys = derive(agreement, b"WhisperRatchet", 64, root_key)
    return keys[:32], keys[32:]


def next_chain(chain_key: bytes) -> bytes:
    return hmac.digest(chain_key, b"\x02", hashlib.sha256)


def message_seed(chain_key: bytes) -> bytes:
    return hmac.digest(chain_key, b"\x01", hashlib.sha256)


def message_keys(seed: bytes) -> MessageKeys:
    keys = derive(seed, b"WhisperMessageKeys", 80)
    return MessageKeys(keys[:32], keys[32:64], keys[64:])
