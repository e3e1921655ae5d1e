"""The engine process: a bounded number of WhatsApp clients, which end with their agent and with their lease.

Started by the agent as `python -m worker.engines.host FD SESSIONS`, where FD is one end of a pipe.
It holds no state of its own: whatever it knows is in the credential store or was told to the agent.
"""

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import uvloop

from shared.contracts.told import Told
from shared.log_lines import LogFormat, configure_log_lines
from worker.engines.lease_watch import LeaseWatch
from worker.engines.link import ROOT_KEY_VARIABLE, Link
from worker.engines.session_runner import SessionRunner
from worker.engines.words import (
    Answer,
    Event,
    FromAgent,
    Lease,
    Ping,
    Problem,
    Ready,
    SessionCommand,
    Start,
    Stop,
)
from worker.whatsapp import redirect
from worker.whatsapp.fence_watch import FenceWatch
from worker.whatsapp.lock import CallLock
from worker.whatsapp.port import Gone, Limited, NotConnected, Refused, Silent, StoreAway, Uncertain

_PR_SET_PDEATHSIG = 1
_PROBLEMS: dict[type[Exception], Problem] = {
    NotConnected: Problem.NOT_CONNECTED,
    Refused: Problem.REFUSED,
    Silent: Problem.SILENT,
    StoreAway: Problem.STORE_AWAY,
    Limited: Problem.LIMITED,
    ValueError: Problem.REFUSED,
    Uncertain: Problem.UNCERTAIN,
    Gone: Problem.GONE,
}


class EngineHost:
    def __init__(self, link: Link[FromAgent], lease: LeaseWatch, sessions_max: int) -> None:
        self._link = link
        self._lease = lease
        self._sessions_max = sessions_max
        self._lock = CallLock()
        self._runners: dict[str, SessionRunner] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the agent is gone. Nothing is stopped in order then: the next owner must not wait for it."""
        self._listen_for_refusals(asyncio.get_running_loop())
        self._link.send(Ready(os.getpid()))
        while (message := await self._link.receive()) is not None:
            if isinstance(message, Lease):
                self._lease.extend(message.deadline)
            elif isinstance(message, Ping):
                self._link.send(Answer(number=message.number))
            else:
                self._in_a_task(self._obey(message))

    async def _obey(self, command: SessionCommand) -> None:
        self._lease.check()
        try:
            answer = await self._answer(command)
        except Exception as error:
            problem = _PROBLEMS.get(type(error), Problem.FAILED)
            words = type(error).__name__ if problem is Problem.FAILED else str(error)
            if problem is Problem.FAILED:
                logging.getLogger(__name__).warning("engine_command_failed", exc_info=error)
            answer = Answer(number=command.number, problem=problem, words=words)
        self._link.send(answer)
        with suppress(ConnectionError):
            await self._link.drain()

    async def _answer(self, command: SessionCommand) -> Answer:
        runner = self._runners.get(command.session)
        if isinstance(command, Start):
            await self._start(command, runner)
        elif isinstance(command, Stop):
            if runner is not None:
                await runner.stop()
        elif runner is None or runner.ended.is_set():
            raise NotConnected
        else:
            return Answer(number=command.number, **await runner.obey(command))
        return Answer(number=command.number)

    async def _start(self, command: Start, before: SessionRunner | None) -> None:
        if before is not None and not before.stopping:
            raise Refused("this session runs here already")
        if before is None and len(self._runners) >= self._sessions_max:
            raise Refused("this engine is full")

        def tell(told: Told) -> None:
            self._link.send(Event(command.session, command.epoch, told))

        runner = self._runners[command.session] = SessionRunner(command, self._lock, tell)
        self._in_a_task(self._forget_when_ended(command.session, runner))
        if before is not None:
            await before.ended.wait()
        await runner.start()

    async def _forget_when_ended(self, session: str, runner: SessionRunner) -> None:
        await runner.ended.wait()
        if self._runners.get(session) is runner:
            del self._runners[session]

    def _listen_for_refusals(self, loop: asyncio.AbstractEventLoop) -> None:
        def refused(session: str, epoch: int) -> None:
            loop.call_soon_threadsafe(self._fence_off, session, epoch)

        logging.getLogger().addHandler(FenceWatch(refused))

    def _fence_off(self, session: str, epoch: int) -> None:
        """Only the very client that was refused: its successor may run here already."""
        runner = self._runners.get(session)
        if runner is not None and runner.epoch == epoch and not runner.stopping:
            self._in_a_task(runner.fence_off())

    def _in_a_task(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def main(arguments: list[str]) -> None:
    _die_with_the_agent()
    # After the library's import, which sets up logging of its own.
    configure_log_lines(LogFormat.JSON, "info", f"engine:{os.getpid()}")
    # It looks for programs that only its media helpers would call, and those we never call.
    logging.getLogger("neonize.utils.ffmpeg").setLevel(logging.ERROR)
    logging.getLogger("whatsmeow.Client.Socket").addFilter(_is_no_farewell)
    root_key = os.environ.pop(ROOT_KEY_VARIABLE, "")
    if root_key:
        redirect.trust(bytes.fromhex(root_key))
    descriptor, sessions_max = (int(argument) for argument in arguments[1:])
    uvloop.run(_run(socket.socket(fileno=descriptor), sessions_max))
    # Threads of Go and of abandoned calls would keep the process for ever.
    os._exit(0)


async def _run(end: socket.socket, sessions_max: int) -> None:
    # Each client keeps a thread for as long as it lives, and each call takes one for a moment.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(sessions_max * 2 + 16))
    link: Link[FromAgent] = await Link.over(end, FromAgent)
    await EngineHost(link, LeaseWatch(), sessions_max).run()
    os._exit(0)


def _is_no_farewell(record: logging.LogRecord) -> bool:
    """Each ordinary stop would leave a warning that the other side did not say good-bye."""
    return not record.getMessage().startswith("Error sending close to websocket")


def _die_with_the_agent() -> None:
    """Beside the end of the pipe, which a process that hangs in Go would not notice."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv)
