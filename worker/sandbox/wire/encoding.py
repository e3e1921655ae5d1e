"""Binary nodes, outwards."""

import zlib

from worker.sandbox.wire import jids, tags
from worker.sandbox.wire.dictionary import Dictionary
from worker.sandbox.wire.jids import Jid
from worker.sandbox.wire.nodes import Node

_COMPRESSED = 2
_TO_HEX = str.maketrans("-.", "ab")
_DOMAINS = {jids.PHONE_NUMBER: 0, jids.LID: 1, jids.HOSTED: 128, jids.HOSTED_LID: 129}


def encode(node: Node, dictionary: Dictionary, *, compressed: bool = False) -> bytes:
    """A whole frame payload: the flag byte, then the node."""
    written = bytearray()
    _write_node(written, node, dictionary)
    if compressed:
        return bytes([_COMPRESSED]) + zlib.compress(written)
    return b"\0" + written


def _write_node(out: bytearray, node: Node, dictionary: Dictionary) -> None:
    _write_list_start(out, 1 + 2 * len(node.attrs) + (node.content is not None))
    _write_text(out, node.tag, dictionary)
    for name, value in node.attrs.items():
        _write_text(out, name, dictionary)
        if isinstance(value, Jid):
            _write_jid(out, value, dictionary)
        else:
            _write_text(out, value, dictionary)
    match node.content:
        case None:
            pass
        case bytes():
            _write_bytes(out, node.content)
        case str():
            _write_text(out, node.content, dictionary)
        case _:
            _write_list_start(out, len(node.content))
            for child in node.content:
                _write_node(out, child, dictionary)


def _write_list_start(out: bytearray, length: int) -> None:
    if length == 0:
        out.append(tags.LIST_EMPTY)
    elif length < 256:
        out += bytes([tags.LIST_8, length])
    else:
        out += bytes([tags.LIST_16]) + length.to_bytes(2, "big")


def _write_bytes(out: bytearray, value: bytes) -> None:
    length = len(value)
    if length < 256:
        out += bytes([tags.BINARY_8, length])
    elif length < 1 << 20:
        out += bytes([tags.BINARY_20]) + length.to_bytes(3, "big")
    else:
        out += bytes([tags.BINARY_32]) + length.to_bytes(4, "big")
    out += value


def _write_text(out: bytearray, value: str, dictionary: Dictionary) -> None:
    number = dictionary.numbers.get(value)
    if number is not None:
        out += number
    elif value and len(value) <= tags.LONGEST_PACKED and not value.strip(tags.NIBBLES):
        _write_packed(out, value.translate(_TO_HEX), tags.NIBBLE_8)
    elif value and len(value) <= tags.LONGEST_PACKED and not value.strip(tags.HEXES):
        _write_packed(out, value, tags.HEX_8)
    else:
        _write_bytes(out, value.encode())


def _write_packed(out: bytearray, halves: str, tag: int) -> None:
    """`halves` are hexadecimal digits, two of which make a byte; a last one alone is filled up."""
    odd = len(halves) % 2
    packed = bytes.fromhex(halves + "f" * odd)
    out.append(tag)
    out.append(len(packed) | odd << 7)
    out += packed


def _write_jid(out: bytearray, jid: Jid, dictionary: Dictionary) -> None:
    if jid.server in (jids.MESSENGER, jids.INTEROP):
        interop = jid.server == jids.INTEROP
        out.append(tags.INTEROP_JID if interop else tags.MESSENGER_JID)
        _write_text(out, jid.user, dictionary)
        out += jid.device.to_bytes(2, "big")
        if interop:
            out += jid.integrator.to_bytes(2, "big")
        _write_text(out, jid.server, dictionary)
    elif jid.user and (jid.device or jid.server == jids.LID) and jid.server in _DOMAINS:
        out += bytes([tags.DEVICE_JID, _DOMAINS[jid.server], jid.device])
        _write_text(out, jid.user, dictionary)
    else:
        out.append(tags.JID_PAIR)
        if jid.user:
            _write_text(out, jid.user, dictionary)
        else:
            out.append(tags.LIST_EMPTY)
        _write_text(out, jid.server, dictionary)
