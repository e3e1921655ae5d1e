"""All of Waypost as separate processes on a database of its own; workers can be ended one by one."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from deploy.local.ports import free_port
from tests import run_folder
from tests.conftest import MASTER_KEY
from tests.databases import own_database
from tests.factories import new_email, new_password
from tests.surroundings import without_settings
from tests.waiting import until

JOIN_TOKEN = "canary-join-token-of-the-stage"
# A fleet whose silence is noticed sooner than in life: beats of half a second, leases of five.
SHORT_LEASES = {"WAYPOST_LEASE_SECONDS": "5", "WAYPOST_HEARTBEAT_SECONDS": "0.5"}


class Process:
    def __init__(self, name: str, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self.log = run_folder.logs() / f"{name}-{os.urandom(4).hex()}.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> "Process":
        with self.log.open("a") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *self._arguments, env=self._environment, stdout=log, stderr=log
            )
        return self

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self, within: float = 30) -> int:
        assert self._process is not None
        async with asyncio.timeout(within):
            return await self._process.wait()

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def said(self, text: str, within: float = 30) -> str:
        """The first line of its log that holds this."""
        found: list[str] = []

        async def there() -> bool:
            found[:] = [line for line in self.log.read_text(errors="replace").splitlines() if text in line]
            return bool(found)

        await until(there, within=within)
        return found[0]


class Stage:
    def __init__(self, folder: Path, database_url: str, settings: dict[str, str]) -> None:
        self.folder = folder
        self.database_url = database_url
        self.port = free_port()
        self._settings = settings
        self._kept = without_settings()
        self._all: list[Process] = []
        self.sandbox: dict[str, str] = {}
        self.workers: dict[str, Process] = {}
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=40)

    # ---- processes ----

    async def open(self) -> None:
        data = self.folder / "sandbox"
        arguments = ("worker.sandbox", "--data", str(data))
        await self.run("sandbox", arguments, self._kept)
        prepare = Process(
            "prepare-store",
            ("worker", "prepare-store"),
            {**self._kept, "WAYPOST_STORE_URL": self.database_url},
        )
        await prepare.start()
        assert await prepare.ended() == 0, prepare.log.read_text()
        record = data / "sandbox.json"

        async def written() -> bool:
            return record.exists()

        await until(written, within=30)
        self.sandbox = json.loads(record.read_text())
        run_folder.note_secret(self.sandbox["controlToken"])
        self.api = await self.start_api()
        self.background = await self.run("background", ("control_plane", "background"), self._control_plane())
        await self.sign_up()

    async def start_api(self) -> Process:
        api = await self.run("api", ("control_plane", "api"), self._control_plane())

        async def ready() -> bool:
            try:
                return (await self.client.get("/health/ready")).status_code == 200
            except httpx.HTTPError:
                return False

        await until(ready, within=30)
        return api

    async def start_worker(self, name: str, **settings: str) -> Process:
        environment = {
            **self._kept,
            "WAYPOST_CONTROL_PLANE_URL": f"http://127.0.0.1:{self.port}",
            "WAYPOST_JOIN_TOKEN": JOIN_TOKEN,
            "WAYPOST_WORKER_ID": name,
            "WAYPOST_DATA_DIR": str(self.folder / name),
            "WAYPOST_STORE_URL": self.database_url,
            "WAYPOST_SANDBOX_PROXY": self.sandbox["proxy"],
            "WAYPOST_SANDBOX_CA": self.sandbox["certificate"],
            "WAYPOST_SANDBOX_ROOT_KEY": self.sandbox["rootKey"],
            "WAYPOST_LOG_FORMAT": "json",
            **settings,
        }
        worker = self.workers[name] = await self.run(name, ("worker",), environment)
        await worker.said('"worker_registered"')
        return worker

    async def run(self, name: str, arguments: Sequence[str], environment: dict[str, str]) -> Process:
        process = await Process(name, arguments, environment).start()
        self._all.append(process)
        return process

    async def close(self) -> None:
        await self.client.aclose()
        for process in reversed(self._all):
            # One that is frozen gets no other signal.
            await process.kill()

    def _control_plane(self) -> dict[str, str]:
        return {
            **self._kept,
            "WAYPOST_ENVIRONMENT": "development",
            "WAYPOST_DATABASE_URL": self.database_url,
            "WAYPOST_REDIS_URL": run_folder.servers()["redis"],
            "WAYPOST_MASTER_KEY": MASTER_KEY,
            "WAYPOST_PORT": str(self.port),
            "WAYPOST_DATA_DIR": str(self.folder / "control-plane"),
            "WAYPOST_DATABASE_POOL": "8",
            "WAYPOST_JOIN_TOKENS": JOIN_TOKEN,
            "WAYPOST_ADDRESS_REQUESTS_PER_MINUTE": "100000",
            "WAYPOST_SANDBOX_CONTROL_URL": self.sandbox["controlUrl"],
            "WAYPOST_SANDBOX_CONTROL_TOKEN": self.sandbox["controlToken"],
            **self._settings,
        }

    async def sign_up(self) -> None:
        """As a new account, for all calls from now on."""
        body = {"email": new_email(), "password": new_password(), "name": "Owner"}
        answer = await self.client.post("/v1/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        run_folder.note_secrets_of(answer.json())
        self.client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
        connection = await asyncpg.connect(self.database_url)
        limits = '{"sessions": 100, "requestsPerMinute": 1000000}'
        await connection.execute("UPDATE users SET limit_overrides = $1::jsonb", limits)
        await connection.close()

    # ---- what people do ----

    async def call(self, method: str, path: str, status: int, **options: Any) -> Any:
        answer = await self.client.request(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.json() if is_json and answer.content else answer.content

    async def new_session(self, name: str) -> dict[str, Any]:
        """Connected."""
        body = {"name": name, "sandbox": True}
        session: dict[str, Any] = await self.call("POST", "/v1/sessions", 201, json=body)
        connecting = await self.call("POST", f"/v1/sessions/{name}/connect", 202, json={"wait": 20})
        assert connecting["qr"], connecting
        await self.call("POST", f"/v1/sandbox/sessions/{name}/scan", 200, json={})
        await self.connected(name)
        return session

    async def session(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.call("GET", f"/v1/sessions/{name}", 200)
        return found

    async def connected(self, *names: str, on: str | None = None, within: float = 30) -> None:
        async def all_are() -> bool:
            found = [await self.session(name) for name in names]
            return all(
                one["status"] == "connected" and one["phone"] and on in {None, one["workerId"]}
                for one in found
            )

        await until(all_are, within=within)

    async def texts(self, name: str, direction: str = "") -> list[str]:
        path = f"/v1/sessions/{name}/messages?limit=200&direction={direction}"
        page = await self.call("GET", path, 200)
        return [message["text"] for message in page["items"]]

    async def timeline(self, name: str) -> list[tuple[str, str]]:
        """Oldest first."""
        page = await self.call("GET", f"/v1/sessions/{name}/timeline?limit=200", 200)
        return [(change["status"], change["statusReason"]) for change in reversed(page["items"])]

    async def phone_writes(self, name: str, phone: str, text: str) -> None:
        body = {"from": phone, "type": "text", "text": text}
        await self.call("POST", f"/v1/sandbox/sessions/{name}/incoming", 201, json=body)

    async def end_of(self, worker: str) -> str | None:
        """Why its incarnation was ended."""
        connection = await asyncpg.connect(self.database_url)
        reason: str | None = await connection.fetchval(
            "SELECT retired_reason FROM workers WHERE id = $1", worker
        )
        await connection.close()
        return reason

    async def overlaps(self) -> list[Any]:
        """Pairs of connections of one device that stood at the same time."""
        headers = {"Authorization": f"Bearer {self.sandbox['controlToken']}"}
        async with httpx.AsyncClient(base_url=self.sandbox["controlUrl"], headers=headers) as client:
            found: list[Any] = (await client.get("/journal/overlaps")).json()["items"]
        return found


@asynccontextmanager
async def stage(folder: Path, template: str, **settings: str) -> AsyncIterator[Stage]:
    """`template` is a database with the schema."""
    async with own_database("stage", template) as url:
        opened = Stage(folder, url, settings)
        try:
            await opened.open()
            yield opened
        finally:
            await opened.close()


def freeze(process: Process) -> None:
    process.signal(signal.SIGSTOP)
