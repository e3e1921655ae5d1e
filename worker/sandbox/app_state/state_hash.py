"""A hash over a set of values that can be taken out of it again: the same set, the same hash."""

from collections.abc import Iterable

from worker.sandbox.signal.derivation import derive

_SIZE = 128
EMPTY = bytes(_SIZE)


def add(state_hash: bytes, values: Iterable[bytes]) -> bytes:
    return _combine(state_hash, values, 1)


def subtract(state_hash: bytes, values: Iterable[bytes]) -> bytes:
    return _combine(state_hash, values, -1)


def _combine(state_hash: bytes, values: Iterable[bytes], sign: int) -> bytes:
    """Word by word, each two bytes wide and the lower byte first."""
    words = _words(state_hash)
    for value in values:
        others = _words(derive(value, b"WhatsApp Patch Integrity", _SIZE))
        words = [(word + sign * other) & 0xFFFF for word, other in zip(words, others, strict=True)]
    return b"".join(word.to_bytes(2, "little") for word in words)


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[place : place + 2], "little") for place in range(0, len(data), 2)]
