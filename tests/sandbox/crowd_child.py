"""Many clients of the real library in one process, each with a store of its own and no more than a number."""

import asyncio
import ctypes
import json
import os
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pylibmagic  # noqa: F401 (the library needs libmagic while it is imported)
from neonize.aioze.client import NewAClient
from neonize.aioze.events import ConnectedEv, MessageEv
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils.jid import build_jid

from tests.sandbox.client_child import trust_root_key


class Crowd:
    def __init__(self, settings: dict[str, Any]) -> None:
        self._folder = Path(settings["stores"])
        self._pipe = os.fdopen(settings["events"], "w", buffering=1)
        self._size = settings["size"]
        self._clients: list[NewAClient] = []
        self._connected: list[asyncio.Event] = []
        self._news = asyncio.Event()
        self._received = [0] * self._size

    def tell(self, event: str, **details: Any) -> None:
        self._pipe.write(json.dumps({"event": event, **details}) + "\n")

    async def pair(self) -> None:
        """One code after the other: the library's tables stand no two clients that start at once."""
        for number in range(self._size):
            client = NewAClient(
                str(self._folder / f"{number}.sqlite3"), uuid=uuid.uuid4().hex, new_device=True
            )
            client._stop_finalizer.detach()
            self._clients.append(client)
            self._connected.append(asyncio.Event())
            self._listen(client, number)
            await client.connect()
            await asyncio.wait_for(self._connected[number].wait(), 60)

    async def receive(self, count: int) -> dict[str, float]:
        """Until every client has got so many."""
        started = time.perf_counter()
        while min(self._received) < count:
            self._news.clear()
            await self._news.wait()
        return {"seconds": time.perf_counter() - started, "most": max(self._received)}

    async def send(self, to: str, count: int) -> float:
        """By the first client, as fast as it can; the messages a second."""
        started = time.perf_counter()
        for number in range(count):
            await self._clients[0].send_message(build_jid(to), Message(conversation=f"number {number}"))
        return count / (time.perf_counter() - started)

    def _listen(self, client: NewAClient, number: int) -> None:
        async def shown(_: NewAClient, code: bytes) -> None:
            self.tell("qr", data=code.decode(), number=number)

        async def connected(_: NewAClient, _event: Any) -> None:
            self._connected[number].set()

        async def received(_: NewAClient, event: Any) -> None:
            if event.Message.conversation:
                self._received[number] += 1
                self._news.set()

        client.event.qr(shown)
        client.event(ConnectedEv)(connected)
        client.event(MessageEv)(received)
        client._NewAClient__onLoginStatus = lambda _uuid, _status: ctypes.c_int(0)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        # Each client keeps one thread for its whole life.
        loop.set_default_executor(ThreadPoolExecutor(self._size + 8))
        commands = asyncio.StreamReader(limit=1 << 22)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        while line := await commands.readline():
            command = json.loads(line)
            try:
                result = await getattr(self, command.pop("do"))(**command.pop("with"))
                self.tell("answer", number=command["number"], result=result)
            except Exception as error:
                self.tell("answer", number=command["number"], error=f"{type(error).__name__}: {error}")


def main() -> None:
    settings = json.loads(sys.argv[1])
    trust_root_key(bytes.fromhex(settings["root_key"]))
    asyncio.run(Crowd(settings).run())
    os._exit(0)


if __name__ == "__main__":
    main()
