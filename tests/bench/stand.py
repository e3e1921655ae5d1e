"""The servers that one run measures, in a folder of their own; none outlives the run."""

import base64
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from control_plane.settings import Settings
from deploy.local.child import Child
from deploy.local.errors import LaunchError
from deploy.local.ports import HOST, free_port
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.valkey import EmbeddedValkey
from tests.bench.http_load import Job, Result
from tests.bench.load_process import run_load

ADMIN_EMAIL = "admin@waypost.example"
_READY_SECONDS = 30.0
_LOOK_EVERY = 0.05
_COMMAND_SECONDS = 60.0
# Each log-in of a client of the engine opens some that stay for a minute.
_CONNECTIONS = 800


@dataclass(frozen=True, slots=True)
class HttpServer:
    name: str
    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


class Stand:
    """Each server starts when it is first asked for."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self._ends = ExitStack()
        self._servers: dict[str, HttpServer] = {}
        self._has_schema = False
        self.folder = Path(tempfile.mkdtemp(prefix="waypost-bench-"))
        self.admin_password = secrets.token_urlsafe(16)
        self._master_key = base64.b64encode(secrets.token_bytes(32)).decode()

    def __enter__(self) -> Self:
        self._ends.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # All of this is bounded; a second Ctrl-C would leave behind what it interrupts.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._ends.close()

    @cached_property
    def postgres_url(self) -> str:
        self.say("starting PostgreSQL")
        postgres = EmbeddedPostgres(self.folder / "postgres", max_connections=_CONNECTIONS)
        self._ends.callback(postgres.stop)
        postgres.start()
        return postgres.url

    @cached_property
    def store_url(self) -> str:
        """The database with the engine's credential store in it."""
        self.make_schema()
        self._run("prepare-store", "worker", "prepare-store", own={"WAYPOST_STORE_URL": self.postgres_url})
        return self.postgres_url

    @cached_property
    def valkey_url(self) -> str:
        self.say("starting Valkey")
        valkey = EmbeddedValkey(self.folder / "valkey")
        self._ends.callback(valkey.stop)
        valkey.start()
        return valkey.url

    @cached_property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    @cached_property
    def environment(self) -> dict[str, str]:
        """Nothing that the caller has set for a Waypost of their own."""
        return {
            **_inherited(),
            "WAYPOST_ENVIRONMENT": "development",
            "WAYPOST_DATABASE_URL": self.postgres_url,
            "WAYPOST_REDIS_URL": self.valkey_url,
            "WAYPOST_MASTER_KEY": self._master_key,
            "WAYPOST_DATA_DIR": str(self.folder / "data"),
            "WAYPOST_HOST": HOST,
            # So that the load can come from as many addresses as it needs.
            "WAYPOST_TRUSTED_PROXIES": HOST,
        }

    def api(self, log_level: str = "warning") -> HttpServer:
        """Two of them share the database; without its log, the first one stands for the work itself."""
        self.make_schema()
        port = free_port()
        changes = {"WAYPOST_LOG_LEVEL": log_level, "WAYPOST_PORT": str(port)}
        environment = {**self.environment, **changes}
        return self._server(f"api-{log_level}", ("control_plane", "api"), environment, port, "/health/ready")

    def bare_route(self) -> HttpServer:
        return self._bench_server("bare_route")

    def canned_answers(self) -> HttpServer:
        return self._bench_server("canned_answers")

    def load(self, job: Job) -> Result:
        return run_load(job, self.folder, _inherited())

    def inherited(self) -> dict[str, str]:
        return _inherited()

    def at_end(self, call: Callable[[], object]) -> None:
        """What was given last comes first."""
        self._ends.callback(call)

    def make_schema(self) -> None:
        if not self._has_schema:
            self.say("migrating")
            self._run("migrate", "control_plane", "migrate")
            self._run("create-admin", "control_plane", "create-admin", "--email", ADMIN_EMAIL)
            self._has_schema = True

    def _bench_server(self, module: str) -> HttpServer:
        port = free_port()
        return self._server(module, (f"tests.bench.{module}", str(port)), _inherited(), port, "/")

    def _server(
        self, name: str, arguments: tuple[str, ...], environment: dict[str, str], port: int, ready: str
    ) -> HttpServer:
        if name not in self._servers:
            self.say(f"starting {name}")
            child = self.child(name, arguments, environment)
            child.start()
            server = HttpServer(name, child.pid or 0, port)
            wait_until_ready(child, server.url + ready)
            self._servers[name] = server
        return self._servers[name]

    def _run(self, name: str, *arguments: str, own: dict[str, str] | None = None) -> None:
        """With settings of its own, or with those of the control plane."""
        environment = {**self.environment, "WAYPOST_ADMIN_PASSWORD": self.admin_password}
        if own is not None:
            environment = _inherited() | own
        child = self.child(name, arguments, environment)
        child.start()
        child.wait(_COMMAND_SECONDS)
        if child.exit_code != 0:
            raise LaunchError(f"{name} {child.how_it_ended()}:", child.last_words())

    def child(self, name: str, arguments: tuple[str, ...], environment: dict[str, str]) -> Child:
        log = self.folder / f"{name}.log"
        child = Child(
            name, title=name, arguments=arguments, environment=environment, log_file=log, stop_seconds=15.0
        )
        self._ends.callback(child.stop)
        return child


def _inherited() -> dict[str, str]:
    kept = ("PATH", "TMPDIR", "HOME", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


def wait_until_ready(child: Child, url: str) -> None:
    end = time.monotonic() + _READY_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < end:
            try:
                if client.get(url).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            # Nothing tells when it listens; its end would be known at once.
            if child.wait(_LOOK_EVERY):
                break
    raise LaunchError(f"{child.title} was not ready: {child.how_it_ended()}", child.last_words())
