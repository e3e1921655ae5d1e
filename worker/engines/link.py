"""The framed pipe between the agent and an engine."""

import asyncio
import socket
import struct
from typing import Any, Generic, TypeVar

import msgspec

# The root key of an emulated network, for an engine that is to trust it.
ROOT_KEY_VARIABLE = "WAYPOST_ENGINE_ROOT_KEY"
# A message of a session is never larger; a length beyond it means that the pipe carries something else.
_LARGEST = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")
# What an engine has told outlives it here, also when the agent is slow to read.
_BUFFER = 4 * 1024 * 1024

Received = TypeVar("Received")


class Link(Generic[Received]):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, receives: Any) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(receives)

    @classmethod
    async def over(cls, end: socket.socket, receives: Any) -> "Link[Received]":
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        reader, writer = await asyncio.open_connection(sock=end)
        return cls(reader, writer, receives)

    def send(self, message: msgspec.Struct) -> None:
        """Never waits: whoever tells an event stands in a handler of the library.

        To an end that is gone nothing is said: who waits for an answer hears of its death.
        """
        body = self._encoder.encode(message)
        if not self._writer.is_closing():
            self._writer.write(_LENGTH.pack(len(body)) + body)

    async def drain(self) -> None:
        await self._writer.drain()

    async def receive(self) -> Received | None:
        """None when the other end is gone, whatever it was about to say, or says what nobody understands."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if length > _LARGEST:
                return None
            body = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        received: Received = self._decoder.decode(body)
        return received

    def close(self) -> None:
        self._writer.close()
