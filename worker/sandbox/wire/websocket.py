"""The server's end of a WebSocket that carries bytes."""

import asyncio
import base64
import hashlib
from enum import IntEnum

from worker.sandbox.wire.errors import WireError

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LARGEST = 1 << 25
_FINAL = 0x80
_MASKED = 0x80


class _Opcode(IntEnum):
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


def accept_key(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + _MAGIC, usedforsecurity=False).digest()).decode()


class WebSocket:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._closing = False

    async def receive(self) -> bytes | None:
        """The next message, or None when the other side has closed or gone."""
        message = bytearray()
        try:
            while True:
                opcode, final, payload = await self._frame()
                if opcode == _Opcode.CLOSE:
                    return None
                if opcode == _Opcode.PING:
                    self._write(_Opcode.PONG, payload)
                elif opcode != _Opcode.PONG:
                    message += payload
                    if len(message) > _LARGEST:
                        raise WireError("a WebSocket message without end")
                    if final:
                        return bytes(message)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def send(self, *messages: bytes) -> None:
        self._write(_Opcode.BINARY, *messages)
        await self._writer.drain()

    def close(self) -> None:
        if not self._closing:
            self._write(_Opcode.CLOSE, (1000).to_bytes(2, "big"))
            self._closing = True
            self._writer.close()

    async def _frame(self) -> tuple[int, bool, bytes]:
        head, second = await self._reader.readexactly(2)
        if not second & _MASKED:
            raise WireError("a WebSocket frame without a mask")
        length = second & 127
        if length > 125:
            length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8), "big")
        if length > _LARGEST:
            raise WireError(f"a WebSocket frame of {length} bytes")
        mask = await self._reader.readexactly(4)
        payload = await self._reader.readexactly(length)
        return head & 15, bool(head & _FINAL), _unmask(payload, mask)

    def _write(self, opcode: _Opcode, *payloads: bytes) -> None:
        if not self._closing and not self._writer.is_closing():
            self._writer.write(b"".join(_framed(opcode, payload) for payload in payloads))


def _framed(opcode: _Opcode, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        size = bytes([length])
    elif length < 1 << 16:
        size = b"\x7e" + length.to_bytes(2, "big")
    else:
        size = b"\x7f" + length.to_bytes(8, "big")
    return bytes([_FINAL | opcode]) + size + payload


def _unmask(payload: bytes, mask: bytes) -> bytes:
    """As one large number, which is far quicker than byte by byte."""
    length = len(payload)
    repeated = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")
