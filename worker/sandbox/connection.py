"""One client's stream after the handshake: stanzas in and out, in order, until one side ends it."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator

from worker.sandbox.devices import DeviceName
from worker.sandbox.root_key import NetworkIdentity
from worker.sandbox.wire.decoding import decode
from worker.sandbox.wire.dictionary import Dictionary
from worker.sandbox.wire.encoding import encode
from worker.sandbox.wire.errors import WireError
from worker.sandbox.wire.frames import FrameReader, frame
from worker.sandbox.wire.nodes import Node
from worker.sandbox.wire.noise import Cipher, Handshake
from worker.sandbox.wire.websocket import WebSocket

log = logging.getLogger(__name__)

_PATIENCE = 20.0
# Clients throw away what they have not handled when the stream closes, the reason for it included.
_LAST_WORDS = 0.5
_TOGETHER = 64
_numbers = itertools.count(1)


class Connection:
    """`device` is known after log-in; a client that is being paired has none yet."""

    def __init__(
        self, socket: WebSocket, dictionary: Dictionary, departed: Callable[["Connection"], None]
    ) -> None:
        self.number = next(_numbers)
        self.device: DeviceName | None = None
        self.delay = 0.0
        self.deaf = False
        self.ending = ""
        self._parting = 0.0
        self._departed = departed
        self._socket = socket
        self._dictionary = dictionary
        self._frames = FrameReader()
        self._arrived: list[bytes] = []
        self._outgoing: asyncio.Queue[Node | None] = asyncio.Queue()
        self._incoming_cipher: Cipher | None = None
        self._outgoing_cipher: Cipher | None = None

    async def handshake(self, identity: NetworkIdentity) -> tuple[bytes, bytes]:
        """The client's static key, and its description of itself."""
        noise = Handshake(identity)
        async with asyncio.timeout(_PATIENCE):
            await self._socket.send(frame(noise.answer(await self._next_frame())))
            static, payload = noise.finish(await self._next_frame())
        self._incoming_cipher, self._outgoing_cipher = noise.transport()
        return static, payload

    async def receive(self) -> Node | None:
        """The next stanza, or None when the client is gone."""
        while True:
            try:
                sealed = await self._next_frame()
            except EOFError:
                return None
            if self._incoming_cipher is None:
                raise WireError("a stanza before the handshake")
            stanza = decode(self._incoming_cipher.decrypt(sealed), self._dictionary)
            if not self.deaf:
                return stanza

    def send(self, stanza: Node) -> None:
        """Never waits; what is sent after the end goes nowhere."""
        if not self.ending:
            self._outgoing.put_nowait(stanza)

    def end(self, reason: str, *last_words: Node) -> None:
        """Closes the stream after everything that was sent before; the network counts it as gone at once."""
        for stanza in last_words:
            self.send(stanza)
        if not self.ending:
            self.ending = reason
            self._parting = _LAST_WORDS if last_words else 0.0
            self._outgoing.put_nowait(None)
            self._departed(self)

    async def write(self) -> None:
        """Sends what is to be sent, until the stream is ended from our side."""
        # One writer for each connection: the counter of the cipher must rise in the order of the frames.
        while (stanza := await self._outgoing.get()) is not None:
            if self.delay:
                await asyncio.sleep(self.delay)
            if self._outgoing_cipher is not None and not self.deaf:
                cipher, stanzas = self._outgoing_cipher, [stanza, *self._gathered()]
                await self._socket.send(
                    *(frame(cipher.encrypt(encode(one, self._dictionary))) for one in stanzas)
                )
        await asyncio.sleep(self._parting)
        self._socket.close()

    def _gathered(self) -> Iterator[Node]:
        """What waits already goes out together: to write costs the machine more than what is written."""
        for _ in range(0 if self.delay else min(self._outgoing.qsize(), _TOGETHER)):
            stanza = self._outgoing.get_nowait()
            if stanza is None:
                # The end is always the last.
                self._outgoing.put_nowait(None)
                return
            yield stanza

    async def _next_frame(self) -> bytes:
        while not self._arrived:
            message = await self._socket.receive()
            if message is None:
                raise EOFError
            self._arrived = self._frames.feed(message)
        return self._arrived.pop(0)
