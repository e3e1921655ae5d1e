"""Binary nodes, inwards, from senders who may be hostile."""

import zlib

from worker.sandbox.wire import jids, tags
from worker.sandbox.wire.dictionary import Dictionary
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.jids import Jid
from worker.sandbox.wire.nodes import Content, Node

_COMPRESSED = 2
_NIBBLES = "0123456789ab"
_FROM_HEX = str.maketrans("ab", "-.")
_LARGEST = 1 << 24
_DEEPEST = 32
_SERVERS = {0: jids.PHONE_NUMBER, 1: jids.LID, 128: jids.HOSTED, 129: jids.HOSTED_LID}


def decode(payload: bytes, dictionary: Dictionary) -> Node:
    if not payload:
        raise WireError("an empty frame")
    body = payload[1:]
    if payload[0] & _COMPRESSED:
        body = _inflate(body)
    reader = _Reader(body, dictionary)
    node = reader.node(0)
    if reader.position != len(body):
        raise WireError(f"{len(body) - reader.position} bytes after the end of a node")
    return node


def _inflate(body: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(body, _LARGEST)
    except zlib.error as error:
        raise WireError(f"a compressed frame that does not inflate: {error}") from error
    if not stream.eof:
        raise WireError("a compressed frame that is cut or too large")
    return inflated


class _Reader:
    """Walks over one node; every length is checked against what is there."""

    def __init__(self, data: bytes, dictionary: Dictionary) -> None:
        self._data = data
        self._dictionary = dictionary
        self.position = 0

    def node(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise WireError("nodes nested too deep")
        size = self._list_size(self._byte())
        if size == 0:
            raise WireError("a node without a tag")
        tag = self._text()
        attributes: dict[str, str | Jid] = {}
        for _ in range((size - 1) // 2):
            name = self._text()
            attributes[name] = self._attribute()
        content = self._content(depth) if size % 2 == 0 else None
        return Node(tag, attributes, content)

    def _take(self, length: int) -> bytes:
        end = self.position + length
        if end > len(self._data):
            raise WireError(f"a node cut at byte {len(self._data)}")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def _byte(self) -> int:
        if self.position >= len(self._data):
            raise WireError(f"a node cut at byte {len(self._data)}")
        self.position += 1
        return self._data[self.position - 1]

    def _number(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _list_size(self, tag: int) -> int:
        match tag:
            case tags.LIST_EMPTY:
                return 0
            case tags.LIST_8:
                return self._byte()
            case tags.LIST_16:
                return self._number(2)
        raise WireError(f"a list that starts with {tag}")

    def _content(self, depth: int) -> Content:
        tag = self._byte()
        if tag in (tags.LIST_EMPTY, tags.LIST_8, tags.LIST_16):
            return [self.node(depth + 1) for _ in range(self._list_size(tag))]
        if tag in (tags.BINARY_8, tags.BINARY_20, tags.BINARY_32):
            return self._binary(tag)
        return self._word(tag)

    def _attribute(self) -> str | Jid:
        tag = self._byte()
        match tag:
            case tags.JID_PAIR:
                first = self._byte()
                user = "" if first == tags.LIST_EMPTY else self._word(first)
                return Jid(user, self._text())
            case tags.DEVICE_JID:
                domain, device = self._byte(), self._byte()
                if domain not in _SERVERS:
                    raise WireError(f"an address in the unknown domain {domain}")
                return Jid(self._text(), _SERVERS[domain], device)
            case tags.MESSENGER_JID:
                user, device = self._text(), self._number(2)
                return Jid(user, self._server(jids.MESSENGER), device)
            case tags.INTEROP_JID:
                user, device, integrator = self._text(), self._number(2), self._number(2)
                return Jid(user, self._server(jids.INTEROP), device, integrator)
        return self._word(tag)

    def _server(self, only: str) -> str:
        """Forms with wide device numbers are for one server each; others could not be written again."""
        server = self._text()
        if server != only:
            raise WireError(f"an address of {server[:40]!r} in the form of {only!r}")
        return server

    def _text(self) -> str:
        return self._word(self._byte())

    def _word(self, tag: int) -> str:
        if tag in (tags.BINARY_8, tags.BINARY_20, tags.BINARY_32):
            try:
                return self._binary(tag).decode()
            except UnicodeDecodeError as error:
                raise WireError("text that is not UTF-8") from error
        if tag in (tags.NIBBLE_8, tags.HEX_8):
            return self._packed(tag)
        if tags.DICTIONARY_0 <= tag <= tags.DICTIONARY_3:
            return self._known(tag - tags.DICTIONARY_0, self._byte())
        if 0 < tag < len(self._dictionary.single):
            return self._dictionary.single[tag]
        raise WireError(f"the unknown word {tag}")

    def _known(self, table: int, number: int) -> str:
        if table < len(self._dictionary.double) and number < len(self._dictionary.double[table]):
            return self._dictionary.double[table][number]
        raise WireError(f"the unknown word {table}/{number}")

    def _binary(self, tag: int) -> bytes:
        if tag == tags.BINARY_8:
            return self._take(self._byte())
        if tag == tags.BINARY_20:
            return self._take(self._number(3) & 0xFFFFF)
        return self._take(self._number(4))

    def _packed(self, tag: int) -> str:
        head = self._byte()
        odd, length = head >> 7, head & 127
        if odd and not length:
            raise WireError("a packed text of half a letter less than nothing")
        halves = self._take(length).hex()
        halves = halves[:-1] if odd else halves
        if tag == tags.HEX_8:
            return halves.upper()
        if halves.strip(_NIBBLES):
            raise WireError("a packed text with a letter that does not exist")
        return halves.translate(_FROM_HEX)
