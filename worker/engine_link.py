"""What the agent and an engine say to each other, and the framed pipe that carries it."""

import asyncio
import socket
import struct
from typing import Any, Generic, TypeVar

import msgspec

from worker.whatsapp.port import Sent, Told

# A message of a session is never larger; a length beyond it means that the pipe carries something else.
_LARGEST = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")

Received = TypeVar("Received")


class Command(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Answered with the same number."""

    number: int
    session: str


class Start(Command, frozen=True):
    """Pairs a new device where `device_jid` is missing, else resumes the one that it names."""

    epoch: int
    address: str
    device_jid: str | None
    device_name: str


class AskPairingCode(Command, frozen=True):
    phone: str


class SendText(Command, frozen=True):
    recipient: str
    text: str


class LogOut(Command, frozen=True):
    pass


class Stop(Command, frozen=True):
    pass


class Lease(msgspec.Struct, frozen=True, tag=True):
    """On the clock that goes on while the machine sleeps. Past it the engine ends itself, without a word."""

    deadline: float


class Answer(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    number: int
    sent: Sent | None = None
    code: str | None = None
    # "not_connected", or "refused" with the words of the library.
    problem: str | None = None
    words: str = ""


class Event(msgspec.Struct, frozen=True, tag=True):
    session: str
    epoch: int
    told: Told


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The library is loaded and, in the sandbox, redirected."""

    pid: int


FromAgent = Start | AskPairingCode | SendText | LogOut | Stop | Lease
FromEngine = Answer | Event | Ready


class Link(Generic[Received]):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, receives: Any) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(receives)

    @classmethod
    async def over(cls, end: socket.socket, receives: Any) -> "Link[Received]":
        end.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=end)
        return cls(reader, writer, receives)

    def send(self, message: msgspec.Struct) -> None:
        """Never waits: whoever tells an event stands in a handler of the library."""
        body = self._encoder.encode(message)
        self._writer.write(_LENGTH.pack(len(body)) + body)

    async def drain(self) -> None:
        await self._writer.drain()

    async def receive(self) -> Received | None:
        """None when the other end is gone, whatever it was about to say."""
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
