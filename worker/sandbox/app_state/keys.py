"""The key that a phone shares with its companions, and the five keys that come from it."""

import hashlib
import hmac
from typing import NamedTuple

from worker.sandbox.signal.derivation import derive

MAC_LENGTH = 32
_SIZE = 32


class SyncKey(NamedTuple):
    key_id: bytes
    secret: bytes


class ExpandedKeys(NamedTuple):
    index_mac: bytes
    value: bytes
    value_mac: bytes
    snapshot_mac: bytes
    patch_mac: bytes


def expand(key: SyncKey) -> ExpandedKeys:
    keys = derive(key.secret, b"WhatsApp Mutation Keys", 5 * _SIZE)
    return ExpandedKeys(*(keys[start : start + _SIZE] for start in range(0, len(keys), _SIZE)))


def index_mac(keys: ExpandedKeys, index: bytes) -> bytes:
    return hmac.digest(keys.index_mac, index, hashlib.sha256)


def value_mac(keys: ExpandedKeys, key_id: bytes, operation: int, sealed: bytes) -> bytes:
    covered = bytes([operation + 1]) + key_id
    return hmac.digest(keys.value_mac, covered + sealed + _number(len(covered)), hashlib.sha512)[:MAC_LENGTH]


def snapshot_mac(keys: ExpandedKeys, state_hash: bytes, version: int, collection: str) -> bytes:
    return hmac.digest(keys.snapshot_mac, state_hash + _number(version) + collection.encode(), hashlib.sha256)


def patch_mac(
    keys: ExpandedKeys, snapshot: bytes, value_macs: list[bytes], version: int, collection: str
) -> bytes:
    covered = snapshot + b"".join(value_macs) + _number(version) + collection.encode()
    return hmac.digest(keys.patch_mac, covered, hashlib.sha256)


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")
