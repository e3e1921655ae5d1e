"""All of Waypost as separate processes on a database of its own; each of them can be ended or frozen."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from deploy.local.ports import free_port
from tests import run_folder
from tests.conftest import MASTER_KEY
from tests.databases import own_database
from tests.fleet.network import Network
from tests.fleet.process import Process
from tests.fleet.tables import Tables
from tests.fleet.user import User
from tests.surroundings import without_settings
from tests.waiting import until

JOIN_TOKEN = "canary-join-token-of-the-stage"


class Stage(User):
    def __init__(self, folder: Path, database_url: str, settings: dict[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}", database_url)
        self.tables = Tables(database_url)
        self._settings = settings
        self._kept = without_settings()
        self._all: list[Process] = []
        self.sandbox: dict[str, str] = {}
        self.workers: dict[str, Process] = {}
        self.network: Network
        self.api: Process
        self.background: Process

    async def open(self) -> None:
        data = self.folder / "sandbox"
        await self.run("sandbox", ("worker.sandbox", "--data", str(data)), self._kept)
        store = {**self._kept, "WAYPOST_STORE_URL": self.database_url}
        prepare = await self.run("prepare-store", ("worker", "prepare-store"), store)
        assert await prepare.ended() == 0, prepare.log.read_text()
        record = data / "sandbox.json"

        async def written() -> bool:
            return record.exists()

        await until(written, within=30)
        self.sandbox = json.loads(record.read_text())
        run_folder.note_secret(self.sandbox["controlToken"])
        self.network = Network(self.sandbox)
        self.api = await self.start_api()
        self.background = await self.start_background()
        await self.sign_up()

    async def start_api(self, port: int | None = None) -> Process:
        port = port or self.port
        environment = {**self._control_plane(), "WAYPOST_PORT": str(port)}
        api = await self.run("api", ("control_plane", "api"), environment)

        async def ready() -> bool:
            try:
                return (await self.client.get(f"http://127.0.0.1:{port}/health/ready")).status_code == 200
            except httpx.HTTPError:
                return False

        await until(ready, within=30)
        return api

    async def start_background(self) -> Process:
        return await self.run("background", ("control_plane", "background"), self._control_plane())

    async def start_worker(self, name: str, before: Sequence[str] = (), **settings: str) -> Process:
        environment = {
            **self._kept,
            "WAYPOST_CONTROL_PLANE_URL": f"http://127.0.0.1:{self.port}",
            "WAYPOST_JOIN_TOKEN": JOIN_TOKEN,
            "WAYPOST_WORKER_ID": name,
            "WAYPOST_DATA_DIR": str(self.folder / name),
            "WAYPOST_MEDIA_URL": str(self.folder / "media"),
            "WAYPOST_STORE_URL": self.database_url,
            "WAYPOST_SANDBOX_PROXY": self.sandbox["proxy"],
            "WAYPOST_SANDBOX_CA": self.sandbox["certificate"],
            "WAYPOST_SANDBOX_ROOT_KEY": self.sandbox["rootKey"],
            "WAYPOST_LOG_FORMAT": "json",
            **settings,
        }
        worker = self.workers[name] = await self.run(name, ("worker",), environment, before)
        await worker.said('"worker_registered"')
        return worker

    async def run(
        self, name: str, arguments: Sequence[str], environment: dict[str, str], before: Sequence[str] = ()
    ) -> Process:
        process = await Process(name, arguments, environment, before).start()
        self._all.append(process)
        return process

    async def close(self) -> None:
        await self.client.aclose()
        for process in reversed(self._all):
            await process.clear_away()
        if self.sandbox:
            await self.network.close()

    def _control_plane(self) -> dict[str, str]:
        return {
            **self._kept,
            "WAYPOST_ENVIRONMENT": "development",
            "WAYPOST_DATABASE_URL": self.database_url,
            "WAYPOST_REDIS_URL": run_folder.servers()["redis"],
            "WAYPOST_MASTER_KEY": MASTER_KEY,
            "WAYPOST_PORT": str(self.port),
            "WAYPOST_DATA_DIR": str(self.folder / "control-plane"),
            "WAYPOST_MEDIA_URL": str(self.folder / "media"),
            "WAYPOST_DATABASE_POOL": "8",
            "WAYPOST_JOIN_TOKENS": JOIN_TOKEN,
            "WAYPOST_ADDRESS_REQUESTS_PER_MINUTE": "100000",
            "WAYPOST_TRUSTED_PROXIES": "127.0.0.1",
            "WAYPOST_RECIPIENT_MESSAGES_PER_MINUTE": "1000000",
            "WAYPOST_SESSION_MESSAGES_PER_MINUTE": "1000000",
            # What moves here moves because of what is done to the fleet.
            "WAYPOST_REBALANCE_SECONDS": "0",
            "WAYPOST_SANDBOX_CONTROL_URL": self.sandbox["controlUrl"],
            "WAYPOST_SANDBOX_CONTROL_TOKEN": self.sandbox["controlToken"],
            **self._settings,
        }


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
