"""The engine process: a bounded number of WhatsApp clients, which end with their agent and with their lease.

Started by the agent as `python -m worker.engine_host FD`, with one end of a pipe as that descriptor. It holds
no state of its own: whatever it knows is in the credential store or was told to the agent.
"""

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from shared.log_lines import LogFormat, configure_log_lines
from worker.engine_link import (
    Answer,
    AskPairingCode,
    Command,
    Event,
    FromAgent,
    Lease,
    Link,
    LogOut,
    Ready,
    SendText,
    Start,
    Stop,
)
from worker.whatsapp import redirect
from worker.whatsapp.client import LibraryClient
from worker.whatsapp.fence_watch import FenceWatch
from worker.whatsapp.lock import CallLock
from worker.whatsapp.port import Fenced, NotConnected, Refused, Sent, Told

SESSIONS_MAX = 50
ROOT_KEY_VARIABLE = "WAYPOST_ENGINE_ROOT_KEY"
# Each client keeps a thread for as long as it lives, and each call takes one for a moment.
_THREADS = SESSIONS_MAX * 2 + 16
_LEASE_ENDED = 75
_PR_SET_PDEATHSIG = 1


class EngineHost:
    def __init__(self, link: Link[FromAgent]) -> None:
        self._link = link
        self._lock = CallLock()
        # With the epoch of each: its successor may run here before it is quite gone.
        self._clients: dict[str, tuple[int, LibraryClient]] = {}
        self._deadline = float("inf")
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the agent is gone. Nothing is stopped in order then: the next owner must not wait for it."""
        watch = asyncio.create_task(self._end_with_the_lease())
        self._listen_for_refusals(asyncio.get_running_loop())
        self._link.send(Ready(os.getpid()))
        while (message := await self._link.receive()) is not None:
            if isinstance(message, Lease):
                self._deadline = message.deadline
                continue
            task = asyncio.create_task(self._obey(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        watch.cancel()

    async def _obey(self, command: Command) -> None:
        if time.clock_gettime(time.CLOCK_BOOTTIME) >= self._deadline:
            os._exit(_LEASE_ENDED)
        try:
            answer = await self._answer(command)
        except NotConnected:
            answer = Answer(number=command.number, problem="not_connected")
        except (Refused, ValueError) as error:
            answer = Answer(number=command.number, problem="refused", words=str(error))
        except Exception as error:
            answer = Answer(number=command.number, problem="failed", words=type(error).__name__)
        self._link.send(answer)
        with suppress(ConnectionError):
            await self._link.drain()

    async def _answer(self, command: Command) -> Answer:
        number, session = command.number, command.session
        match command:
            case Start():
                await self._start(command)
            case AskPairingCode(phone=phone):
                return Answer(number=number, code=await self._client(session).pairing_code(phone))
            case SendText(recipient=recipient, text=text):
                sent: Sent = await self._client(session).send_text(recipient, text)
                return Answer(number=number, sent=sent)
            case LogOut():
                await self._client(session).log_out()
            case Stop():
                running = self._clients.pop(session, None)
                if running is not None:
                    await running[1].stop()
        return Answer(number=number)

    async def _start(self, command: Start) -> None:
        if command.session in self._clients:
            raise Refused("this session runs here already")
        if len(self._clients) >= SESSIONS_MAX:
            raise Refused("this engine is full")

        def tell(told: Told) -> None:
            self._link.send(Event(command.session, command.epoch, told))

        client = LibraryClient(command.address, self._lock, tell, command.device_name)
        self._clients[command.session] = (command.epoch, client)
        try:
            if command.device_jid is None:
                await client.pair()
            else:
                await client.resume(command.device_jid)
        except BaseException:
            self._clients.pop(command.session, None)
            raise

    def _listen_for_refusals(self, loop: asyncio.AbstractEventLoop) -> None:
        def refused(session: str, epoch: int) -> None:
            loop.call_soon_threadsafe(self._begin_to_fence_off, session, epoch)

        logging.getLogger().addHandler(FenceWatch(refused))

    def _begin_to_fence_off(self, session: str, epoch: int) -> None:
        """Only the very client that was refused."""
        running = self._clients.get(session)
        if running is not None and running[0] == epoch:
            _, client = self._clients.pop(session)
            task = asyncio.create_task(self._fence_off(session, epoch, client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fence_off(self, session: str, epoch: int, client: LibraryClient) -> None:
        await client.stop()
        self._link.send(Event(session, epoch, Fenced()))

    def _client(self, session: str) -> LibraryClient:
        running = self._clients.get(session)
        if running is None:
            raise NotConnected
        return running[1]

    async def _end_with_the_lease(self) -> None:
        """Hard, and without waiting for a lock: another worker may own the sessions from now on."""
        while True:
            await asyncio.sleep(0.1)
            if time.clock_gettime(time.CLOCK_BOOTTIME) >= self._deadline:
                os._exit(_LEASE_ENDED)


def main(arguments: list[str]) -> None:
    _die_with_the_agent()
    # After the library's import, which sets up logging of its own.
    configure_log_lines(LogFormat.JSON, "info", f"engine:{os.getpid()}")
    root_key = os.environ.pop(ROOT_KEY_VARIABLE, "")
    if root_key:
        redirect.trust(bytes.fromhex(root_key))
    end = socket.socket(fileno=int(arguments[1]))
    asyncio.run(_run(end))
    # Threads of Go and of abandoned calls would keep the process for ever.
    os._exit(0)


async def _run(end: socket.socket) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    link: Link[FromAgent] = await Link.over(end, FromAgent)
    await EngineHost(link).run()
    os._exit(0)


def _die_with_the_agent() -> None:
    """Beside the end of the pipe, which a process that hangs in Go would not notice."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv)
