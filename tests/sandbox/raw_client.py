"""A connection to the emulator byte by byte, for what no honest client does."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.sandbox.noise_client import NoiseClient
from worker.sandbox.hosts import CHAT_HOST
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.signal.curve import KeyPair
from worker.sandbox.wire.frames import PROLOGUE, frame
from worker.sandbox.wire.noise import Cipher

UPGRADE = (
    "GET /ws/chat HTTP/1.1\r\nHost: web.whatsapp.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class RawClient:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def upgrade(self) -> None:
        self.writer.write(UPGRADE.encode())
        assert (await self.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")

    def send(self, payload: bytes) -> None:
        mask = os.urandom(4)
        size = bytes([0x80 | 127]) + len(payload).to_bytes(8, "big")
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
        self.writer.write(b"\x82" + size + mask + masked)

    async def receive(self) -> bytes:
        """One message of the server, without its frame."""
        _, length = await self.reader.readexactly(2)
        if length > 125:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        return (await self.reader.readexactly(length))[3:]

    async def shake_hands(self, payload: bytes, static: KeyPair | None = None) -> tuple[Cipher, Cipher]:
        """The ciphers to the server and from it."""
        noise = NoiseClient(static or KeyPair.generate())
        self.send(PROLOGUE + frame(noise.hello()))
        self.send(frame(noise.finish(await self.receive(), payload)))
        return noise.transport()

    async def is_closed(self) -> bool:
        async with asyncio.timeout(10):
            try:
                while await self.reader.read(65_536):
                    pass
            except ConnectionError:
                pass
        return True


@asynccontextmanager
async def through_proxy(sandbox: Sandbox) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def inside_tls(sandbox: Sandbox) -> AsyncIterator[RawClient]:
    async with through_proxy(sandbox) as client:
        client.writer.write(f"CONNECT {CHAT_HOST}:443 HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in await client.reader.readuntil(b"\r\n\r\n")
        context = ssl.create_default_context(cafile=str(sandbox.certificate))
        await client.writer.start_tls(context, server_hostname=CHAT_HOST)
        yield client
