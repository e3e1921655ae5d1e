"""The end of the emulated network's process that measurements talk to."""

import asyncio
import itertools
import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from worker.engines.networks import SandboxSettings


class Emulator:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.sandbox_child", str(self._folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        place = json.loads(await self._process.stdout.readline())
        self.settings = SandboxSettings(
            proxy=place["proxy"],
            certificate=Path(place["certificate"]),
            root_key=bytes.fromhex(place["root_key"]),
        )
        self._listening = asyncio.create_task(self._listen(self._process.stdout))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._listening
        await self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, call: str, **given: Any) -> Any:
        assert self._process.stdin is not None
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"number": number, "call": call, "given": given}) + "\n"
        self._process.stdin.write(line.encode())
        async with asyncio.timeout(60):
            return await self._answers[number]

    async def _listen(self, stdout: asyncio.StreamReader) -> None:
        while line := await stdout.readline():
            said = json.loads(line)
            waiting = self._answers.pop(said["number"])
            if "error" in said:
                waiting.set_exception(RuntimeError(said["error"]))
            else:
                waiting.set_result(said["said"])
        for waiting in self._answers.values():
            waiting.set_exception(ConnectionError("the emulated network has ended"))
