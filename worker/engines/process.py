"""The agent's end of one engine process: it is started, asked, listened to, and noticed when it dies."""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from worker.engines.link import Link
from worker.engines.output import EngineOutput
from worker.engines.words import Answer, Event, FromEngine, Lease, Ping, SessionCommand

Heard = Callable[["EngineProcess", Event], None]

_START_PATIENCE = 60.0
_names = itertools.count(1)


class EngineDied(Exception):  # noqa: N818 (what happened, and not whose fault)
    """While it was to answer: what it did of the command nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKind:
    """How engines of one network are started; `inherited` are descriptors that each keeps open."""

    network: str
    environment: Mapping[str, str]
    sessions_max: int
    inherited: tuple[int, ...] = ()


class EngineProcess:
    """`died` is set when nothing of it is left, and after everything that it told was heard."""

    def __init__(
        self, kind: EngineKind, process: asyncio.subprocess.Process, link: Link[FromEngine], heard: Heard
    ) -> None:
        self.kind = kind
        self.name = f"{kind.network}-{next(_names)}"
        self.died = asyncio.Event()
        self.output = EngineOutput(self.name)
        # What it is doing: when it dies, these are the first to be asked why.
        self.outstanding: dict[int, SessionCommand | Ping] = {}
        self._ending = False
        self._process = process
        self._link = link
        self._heard = heard
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._life = asyncio.create_task(self._live())

    @classmethod
    async def spawn(cls, kind: EngineKind, heard: Heard) -> Self:
        """EngineDied when it ends, or is not ready in time."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "worker.engines.host", str(theirs.fileno()), str(kind.sessions_max)),
                pass_fds=(theirs.fileno(), *kind.inherited),
                env=dict(kind.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        engine = cls(kind, process, await Link.over(ours, FromEngine), heard)
        try:
            async with asyncio.timeout(_START_PATIENCE):
                await engine._ready
        except BaseException as error:
            engine.kill()
            await engine.died.wait()
            if isinstance(error, TimeoutError):
                raise EngineDied(f"engine {engine.name} was not ready in time") from error
            raise
        return engine

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode

    async def ask(self, command: SessionCommand | Ping, within: float) -> Answer:
        """TimeoutError when it does not answer in time; whatever it was asked may then still happen."""
        if self.died.is_set():
            raise EngineDied(f"engine {self.name} has ended")
        number = next(self._numbers)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self.outstanding[number] = command
        try:
            self._link.send(msgspec.structs.replace(command, number=number))
            async with asyncio.timeout(within):
                return await answer
        finally:
            del self._answers[number]
            # Those that were under way when it died are looked at afterwards.
            if not self._ending:
                del self.outstanding[number]

    def extend_lease(self, deadline: float) -> None:
        if not self.died.is_set():
            self._link.send(Lease(deadline))

    def kill(self) -> None:
        """By its own id, and only while that is still its own."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def _live(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 (asked for at the start)
        printing = asyncio.create_task(self.output.follow(stdout))
        try:
            while (message := await self._link.receive()) is not None:
                self._hear(message)
        except msgspec.DecodeError as error:
            self.output.note(f"said what nobody understands: {error}")
        self._ending = True
        self.kill()
        await self._process.wait()
        await printing
        self._link.close()
        everything: list[asyncio.Future[Any]] = [self._ready, *self._answers.values()]
        for waiting in everything:
            if not waiting.done():
                waiting.set_exception(EngineDied(f"engine {self.name} died: {self.output.why}"))
                waiting.exception()  # nobody may be waiting any more
        self.died.set()

    def _hear(self, message: FromEngine) -> None:
        if isinstance(message, Event):
            self._heard(self, message)
        elif isinstance(message, Answer):
            waiting = self._answers.get(message.number)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
        elif not self._ready.done():
            self._ready.set_result(None)
