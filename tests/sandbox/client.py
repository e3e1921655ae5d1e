"""The test's end of a process that runs the real client library."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from worker.sandbox.devices import DeviceName
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
Event = dict[str, Any]


class Client:
    """Events are kept in order; each can be waited for once."""

    def __init__(self, process: asyncio.subprocess.Process, events: asyncio.StreamReader, log: Path) -> None:
        self.log = log
        self._process = process
        self._seen: list[Event] = []
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read(events))

    async def call(self, command: str, *, within: float = 60, **arguments: Any) -> Any:
        assert self._process.stdin
        number = len(self._answers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"do": command, "with": arguments, "number": number})
        self._process.stdin.write(line.encode() + b"\n")
        return await asyncio.wait_for(self._answers[number], within)

    async def invoke(self, method: str, *arguments: Any, within: float = 60, **named: Any) -> Any:
        """A call of the library by its own name; `client_arguments` has what plain JSON has not."""
        return await self.call("invoke", within=within, method=method, arguments=list(arguments), named=named)

    async def event(self, name: str, *, within: float = 20) -> Event:
        """The oldest such event that nobody has asked for yet; others stay where they are."""
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(lambda: self.has(name)), within)
            except TimeoutError:
                raise AssertionError(
                    f"no {name} within {within} s; seen {self._seen}; {self.tail()}"
                ) from None
            found = next(event for event in self._seen if event["event"] == name)
            self._seen.remove(found)
            return found

    def has(self, name: str) -> bool:
        return any(event["event"] == name for event in self._seen)

    def forget_events(self) -> None:
        self._seen.clear()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self, events: asyncio.StreamReader) -> None:
        while line := await events.readline():
            event = json.loads(line)
            if event["event"] == "answer":
                self._answered(event)
                continue
            async with self._news:
                self._seen.append(event)
                self._news.notify_all()
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(RuntimeError("the client's process has ended"))

    def _answered(self, event: Event) -> None:
        waiting = self._answers[event["number"]]
        if waiting.done():
            return
        if "error" in event:
            waiting.set_exception(RuntimeError(event["error"]))
        else:
            waiting.set_result(event["result"])


@asynccontextmanager
async def running_client(
    sandbox: Sandbox, folder: Path, jid: str | None = None, *, debug: bool = False
) -> AsyncIterator[Client]:
    """`jid` as the library tells it after pairing; without it the client is a new device."""
    store = str(folder / "store.sqlite3")
    async with running_child("client_child", sandbox, folder, store=store, jid=jid, debug=debug) as client:
        yield client


@asynccontextmanager
async def running_child(
    program: str, sandbox: Sandbox, folder: Path, **settings: Any
) -> AsyncIterator[Client]:
    """A program of this folder that runs the library."""
    reading, writing = os.pipe()
    settings |= {"events": writing, "root_key": sandbox.root_key.public.hex()}
    environment = os.environ | {
        "HTTPS_PROXY": sandbox.proxy,
        "SSL_CERT_FILE": str(sandbox.certificate),
        "NEONIZE_BOT_TAG": "off",
    }
    log = folder / "client.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"tests.sandbox.{program}", json.dumps(settings)),
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=ROOT,
            pass_fds=(writing,),
        )
    os.close(writing)
    events = asyncio.StreamReader(limit=1 << 22)
    pipe = os.fdopen(reading, "rb")
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(events), pipe
    )
    client = Client(process, events, log)
    try:
        yield client
    finally:
        await client.kill()
        transport.close()


async def paired_jid(client: Client) -> str:
    status = await client.event("pair_status")
    assert re.fullmatch(r"\d+:\d+", status["jid"])
    assert not status["error"]
    return str(status["jid"])


async def pair(client: Client, phone: Phone) -> DeviceName:
    """From a fresh client to a connected companion of this phone."""
    await client.call("connect")
    device = await phone.scan((await client.event("qr"))["data"])
    assert await paired_jid(client) == str(device.name)
    await client.event("connected")
    return device.name


@asynccontextmanager
async def companion(
    sandbox: Sandbox, phone: Phone, folder: Path, *, debug: bool = False
) -> AsyncIterator[tuple[Client, DeviceName]]:
    """A running client, paired with this phone and connected."""
    async with running_client(sandbox, folder, debug=debug) as client:
        yield client, await pair(client, phone)
