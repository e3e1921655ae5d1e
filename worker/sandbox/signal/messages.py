"""Signal messages as bytes: version byte, protobuf fields, and for ratchet messages a short MAC."""

import hashlib
import hmac
from dataclasses import dataclass

from worker.sandbox.signal.curve import typed, untyped
from worker.sandbox.signal.errors import SignalError
from worker.sandbox.signal.fields import Value, read_fields, write_fields

VERSION = b"\x33"
_MAC_LENGTH = 8


@dataclass(frozen=True, slots=True)
class RatchetMessage:
    """`signed` is what the MAC covers: everything before it."""

    ratchet_key: bytes
    counter: int
    previous_counter: int
    ciphertext: bytes
    signed: bytes
    mac: bytes

    @classmethod
    def parse(cls, data: bytes) -> "RatchetMessage":
        fields = _fields(data[:-_MAC_LENGTH])
        return cls(
            ratchet_key=_public(fields, 1),
            counter=_number(fields, 2),
            previous_counter=_number(fields, 3),
            ciphertext=_data(fields, 4),
            signed=data[:-_MAC_LENGTH],
            mac=data[-_MAC_LENGTH:],
        )

    @classmethod
    def write(cls, ratchet_key: bytes, counter: int, previous_counter: int, ciphertext: bytes) -> bytes:
        """Without the MAC, which needs the keys."""
        fields: list[tuple[int, Value | None]] = [
            (1, typed(ratchet_key)),
            (2, counter),
            (3, previous_counter),
            (4, ciphertext),
        ]
        return VERSION + write_fields(fields)


@dataclass(frozen=True, slots=True)
class PreKeyMessage:
    """The first messages of a session: they carry what the receiver needs to make its end of it."""

    registration_id: int
    prekey_id: int | None
    signed_prekey_id: int
    base_key: bytes
    identity_key: bytes
    message: bytes

    @classmethod
    def parse(cls, data: bytes) -> "PreKeyMessage":
        fields = _fields(data)
        return cls(
            registration_id=_number(fields, 5),
            prekey_id=_number(fields, 1) if 1 in fields else None,
            signed_prekey_id=_number(fields, 6),
            base_key=_public(fields, 2),
            identity_key=_public(fields, 3),
            message=_data(fields, 4),
        )

    def to_bytes(self) -> bytes:
        fields: list[tuple[int, Value | None]] = [
            (5, self.registration_id),
            (1, self.prekey_id),
            (6, self.signed_prekey_id),
            (2, typed(self.base_key)),
            (3, typed(self.identity_key)),
            (4, self.message),
        ]
        return VERSION + write_fields(fields)


def mac(key: bytes, sender_identity: bytes, receiver_identity: bytes, signed: bytes) -> bytes:
    covered = typed(sender_identity) + typed(receiver_identity) + signed
    return hmac.digest(key, covered, hashlib.sha256)[:_MAC_LENGTH]


def _fields(data: bytes) -> dict[int, Value]:
    if data[:1] != VERSION:
        raise SignalError(f"a Signal message of version {data[:1].hex()}")
    try:
        return read_fields(data[1:])
    except ValueError as error:
        raise SignalError(str(error)) from error


def _number(fields: dict[int, Value], number: int) -> int:
    value = fields.get(number, 0)
    if not isinstance(value, int):
        raise SignalError(f"field {number} is not a number")
    return value


def _data(fields: dict[int, Value], number: int) -> bytes:
    value = fields.get(number, b"")
    if not isinstance(value, bytes):
        raise SignalError(f"field {number} is not bytes")
    return value


def _public(fields: dict[int, Value], number: int) -> bytes:
    try:
        return untyped(_data(fields, number))
    except ValueError as error:
        raise SignalError(f"field {number}: {error}") from error
