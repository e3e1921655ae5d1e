"""One process of the stage, in a group of its own with everything that it starts."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests import run_folder
from tests.waiting import until

_ENDED = frozenset("ZX")


class Process:
    """`before` are the words of a command that becomes this process, such as nsenter's."""

    def __init__(
        self, name: str, arguments: Sequence[str], environment: dict[str, str], before: Sequence[str] = ()
    ) -> None:
        self.name = name
        self._command = (*before, sys.executable, "-m", *arguments)
        self._environment = environment
        self.log = run_folder.logs() / f"{name}-{os.urandom(4).hex()}.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> "Process":
        with self.log.open("a") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def signal(self, number: int) -> None:
        """To it alone."""
        assert self._process is not None
        self._process.send_signal(number)

    def freeze(self) -> None:
        """With all that it has started: as a machine stands still."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def children(self) -> frozenset[int]:
        """Everything that runs in its group, but for itself."""
        found = set()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue  # it has ended in this moment
            if int(group) == self.pid and state not in _ENDED:
                found.add(int(folder.name))
        return frozenset(found - {self.pid})

    async def ended(self, within: float = 30) -> int:
        assert self._process is not None
        async with asyncio.timeout(within):
            return await self._process.wait()

    async def kill(self) -> None:
        """It alone, hard; also while it is frozen."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def clear_away(self) -> None:
        if self._process is not None and self._process.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
            await self._process.wait()

    def lines(self, text: str) -> list[str]:
        """Of its log, those that hold this."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if text in line]

    async def said(self, text: str, within: float = 30, times: int = 1) -> str:
        """The line of its log that says this for so many times."""

        async def there() -> bool:
            return len(self.lines(text)) >= times

        await until(there, within=within)
        return self.lines(text)[times - 1]
