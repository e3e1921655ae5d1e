"""`make run` as a person meets it: a process that prints, and a file that tells where everything is."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import httpx

from deploy.local.processes import is_running
from tests import run_folder
from tests.surroundings import without_settings

ROOT = Path(__file__).parents[2]


class Launcher:
    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self._environment = environment
        self.printed = ""
        self.record: dict[str, Any] = {}

    async def start(self) -> "Launcher":
        """Until it says that everything is ready, or ends."""
        settings = {"WAYPOST_DATA_DIR": str(self.data), "WAYPOST_PORT": "0"}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deploy.local",
            "run",
            cwd=ROOT,
            env=without_settings() | settings | self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        async with asyncio.timeout(120):
            while line := (await self.process.stdout.readline()).decode():
                self.printed += line
                if "Ctrl-C stops everything" in line:
                    self.read_record()
                    break
        return self

    def read_record(self) -> None:
        self.record = json.loads((self.data / "run.json").read_text())
        for name in ("adminPassword", "userPassword", "joinToken"):
            run_folder.note_secret(self.record[name])
        if self.record["sandbox"]:
            run_folder.note_secret(self.record["sandbox"]["controlToken"])

    @property
    def ready(self) -> bool:
        return bool(self.record)

    async def end(self, number: int = signal.SIGINT) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(60):
            return await self.process.wait()

    async def log_in(self, who: str) -> httpx.Response:
        body = {"email": self.record[f"{who}Email"], "password": self.record[f"{who}Password"]}
        async with httpx.AsyncClient(base_url=self.record["api"], timeout=20) as client:
            answer = await client.post("/v1/auth/login", json=body)
        if answer.status_code == 200:
            run_folder.note_secrets_of(answer.json())
        return answer

    def living(self) -> set[str]:
        """The names of its children that are still there."""
        return {name for name, pid in self.record["pids"].items() if is_running(pid)}

    def keep_logs(self) -> None:
        """Where the canary looks for secrets at the end of the run."""
        for log in (self.data / "logs").glob("*.log"):
            target = run_folder.logs() / f"{self.data.name}-{run_folder.process_name()}" / log.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(log.read_bytes())


def environment_of(pid: int) -> dict[str, str]:
    """What the process was started with."""
    text = Path(f"/proc/{pid}/environ").read_text()
    return dict(line.split("=", 1) for line in text.split("\0") if "=" in line)
