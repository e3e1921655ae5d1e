"""The few protobuf messages of the Signal protocol, which the client library does not ship as classes."""

from collections.abc import Iterable

_VARINT = 0
_BYTES = 2
Value = int | bytes


def write_fields(fields: Iterable[tuple[int, Value | None]]) -> bytes:
    """Numbers and bytes under their field numbers; None is left out."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3 | _VARINT) + _varint(value)
        elif value is not None:
            out += _varint(number << 3 | _BYTES) + _varint(len(value)) + value
    return bytes(out)


def read_fields(data: bytes) -> dict[int, Value]:
    """The last value of each field; ValueError when the bytes end early."""
    found: dict[int, Value] = {}
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        value, position = _read_varint(data, position)
        if key & 7 == _VARINT:
            found[key >> 3] = value
        elif key & 7 == _BYTES and position + value <= len(data):
            found[key >> 3] = data[position : position + value]
            position += value
        else:
            raise ValueError("a message that is cut or of unknown form")
    return found


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
    raise ValueError("a number that does not end")
