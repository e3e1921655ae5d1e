"""Reads the dictionary out of the loaded library's memory, so that it is always the one of the client."""

import ctypes
import functools
import struct
from pathlib import Path

import worker.sandbox.library  # noqa: F401 (brings the library into memory)
from worker.sandbox.wire.dictionary import Dictionary

_FIRST_SINGLE = (b"xmlstreamstart", b"xmlstreamend", b"s.whatsapp.net", b"type")
_FIRST_DOUBLE = (b"read-self", b"active", b"fbns", b"protocol")
_SINGLE_WORDS = 236
_TABLE = 256
_STRING = struct.Struct("<QQ")  # Go writes a string as pointer and length
_SLICE = 24


class UnknownLibraryError(RuntimeError):
    """The installed library does not hold its dictionary where this one looks for it."""


@functools.cache
def read_dictionary() -> Dictionary:
    return _Memory(_mappings()).dictionary()


def _mappings() -> list[tuple[int, bytes]]:
    """The library's readable memory. Its own file name tells its mappings from all others."""
    found = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and "neonize" in Path(fields[5]).name and fields[1].startswith("r"):
            start, end = (int(address, 16) for address in fields[0].split("-"))
            found.append((start, ctypes.string_at(start, end - start)))
    return found


class _Memory:
    def __init__(self, mappings: list[tuple[int, bytes]]) -> None:
        self._mappings = mappings

    def dictionary(self) -> Dictionary:
        # The entry before the first word is the empty word 0.
        single = self._words(self._array_of(_FIRST_SINGLE) - _STRING.size, _SINGLE_WORDS)
        header = self._address_of(struct.pack("<QQ", self._array_of(_FIRST_DOUBLE), _TABLE))
        tables = (header + _SLICE * number for number in range(4))
        double = tuple(self._words(self._integer(table), _TABLE) for table in tables)
        return Dictionary(single, double)

    def _array_of(self, words: tuple[bytes, ...]) -> int:
        """Where an array of string headers starts with these words."""
        lengths = [len(word) for word in words]
        for start, data in self._mappings:
            position = -1
            while (position := data.find(struct.pack("<Q", lengths[0]), position + 1)) != -1:
                first = position - 8
                if first < 0 or (start + first) % 8 or first + 64 > len(data):
                    continue
                headers = [_STRING.unpack_from(data, first + 16 * number) for number in range(4)]
                if [length for _, length in headers] != lengths:
                    continue
                if all(self._bytes(*header) == word for header, word in zip(headers, words, strict=True)):
                    return start + first
        raise UnknownLibraryError(f"no table of words starts with {words[0].decode()}")

    def _address_of(self, pattern: bytes) -> int:
        for start, data in self._mappings:
            position = data.find(pattern)
            if position != -1:
                return start + position
        raise UnknownLibraryError("no slice leads to the tables of two-byte words")

    def _words(self, address: int, count: int) -> tuple[str, ...]:
        raw = self._bytes(address, count * _STRING.size)
        return tuple(self._bytes(*header).decode() for header in _STRING.iter_unpack(raw))

    def _integer(self, address: int) -> int:
        return int.from_bytes(self._bytes(address, 8), "little")

    def _bytes(self, address: int, length: int) -> bytes:
        for start, data in self._mappings:
            if start <= address and address + length <= start + len(data):
                return data[address - start : address - start + length]
        return b""
