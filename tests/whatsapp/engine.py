"""An engine process under test, and the agent's end of its pipe."""

import asyncio
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any, Self, TypeVar

from shared.contracts.messages import OutgoingContent, OutgoingMessage, Text
from shared.contracts.told import Told
from shared.ids import new_uuid
from worker.engines.link import ROOT_KEY_VARIABLE, Link
from worker.engines.words import (
    Answer,
    AskPairingCode,
    Command,
    Event,
    FromEngine,
    Lease,
    LogOut,
    Ready,
    Send,
    Start,
    Stop,
)
from worker.sandbox.sandbox import Sandbox
from worker.whatsapp.port import Proxy

Kind = TypeVar("Kind", bound=Told)
PATIENCE = 30


class Engine:
    def __init__(self, sandbox: Sandbox, log: Path) -> None:
        self.sandbox = sandbox
        self.log = log
        self._numbers = 0
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._told: list[tuple[str, Told]] = []
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        ours, theirs = socket.socketpair()
        environment = {
            "PATH": os.environ["PATH"],
            "HTTPS_PROXY": self.sandbox.proxy,
            "SSL_CERT_FILE": str(self.sandbox.certificate),
            "NEONIZE_BOT_TAG": "off",
            ROOT_KEY_VARIABLE: self.sandbox.root_key.public.hex(),
        }
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "worker.engines.host",
                str(theirs.fileno()),
                "50",
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        theirs.close()
        self.link: Link[FromEngine] = await Link.over(ours, FromEngine)
        self._ready = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())
        await asyncio.wait_for(self._ready, PATIENCE)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.link.close()
        try:
            await asyncio.wait_for(self.process.wait(), 5)
        finally:
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()
            await self._reading

    async def start(
        self,
        session: str,
        address: str,
        device_jid: str | None = None,
        epoch: int = 1,
        proxy: Proxy | None = None,
        probe_every: float = 30.0,
    ) -> Answer:
        fields = {"address": address, "device_jid": device_jid, "device_name": "Waypost test"}
        return await self.ask(Start, session, epoch=epoch, proxy=proxy, probe_every=probe_every, **fields)

    async def send_text(self, session: str, recipient: str, text: str) -> Answer:
        return await self.send(session, recipient, Text(text=text))

    async def send(self, session: str, recipient: str, content: OutgoingContent, **context: Any) -> Answer:
        message = OutgoingMessage(content=content, **context)
        return await self.ask(Send, session, recipient=recipient, message=message)

    async def pairing_code(self, session: str, phone: str) -> Answer:
        return await self.ask(AskPairingCode, session, phone=phone)

    async def stop(self, session: str) -> Answer:
        return await self.ask(Stop, session)

    async def log_out(self, session: str) -> Answer:
        return await self.ask(LogOut, session)

    def lease_for(self, seconds: float) -> None:
        self.link.send(Lease(time.clock_gettime(time.CLOCK_BOOTTIME) + seconds))

    def forget(self, session: str) -> None:
        """What was told of it and nobody has asked for."""
        self._told = [(name, told) for name, told in self._told if name != session]

    async def told(self, session: str, kind: type[Kind]) -> Kind:
        """The oldest of this kind that nobody has asked for yet."""
        async with self._news:
            try:
                await asyncio.wait_for(
                    self._news.wait_for(lambda: self._find(session, kind) is not None), PATIENCE
                )
            except TimeoutError:
                raise AssertionError(f"no {kind.__name__}; told so far: {self._all(session)}") from None
            found = self._find(session, kind)
            assert isinstance(found, kind)
            self._told.remove((session, found))
            return found

    def _all(self, session: str) -> list[Told]:
        return [told for name, told in self._told if name == session]

    def _find(self, session: str, kind: type[Kind]) -> Told | None:
        return next((told for name, told in self._told if name == session and isinstance(told, kind)), None)

    async def ask(self, kind: type[Command], session: str, **fields: Any) -> Answer:
        self._numbers += 1
        number = self._numbers
        self._answers[number] = asyncio.get_running_loop().create_future()
        self.link.send(kind(number=number, session=session, **fields))
        return await asyncio.wait_for(self._answers[number], PATIENCE)

    async def _read(self) -> None:
        while (message := await self.link.receive()) is not None:
            if isinstance(message, Ready):
                self._ready.set_result(message)
            elif isinstance(message, Answer):
                waiting = self._answers.pop(message.number)
                if not waiting.done():
                    waiting.set_result(message)
            elif isinstance(message, Event):
                async with self._news:
                    self._told.append((message.session, message.told))
                    self._news.notify_all()


def new_session() -> str:
    return str(new_uuid())
