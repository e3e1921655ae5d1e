"""Servers for the whole run, a database for each test process, an application on top of both."""

import asyncio
import logging
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from control_plane.db import migrations
from control_plane.db.engine import Database
from control_plane.observability.logging import configure_logging
from control_plane.settings import Settings
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.valkey import EmbeddedValkey
from shared.log_lines import LogFormat
from tests import run_folder
from tests.databases import create_database, own_database
from tests.factories import People
from tests.replica import Replica

# How long an example takes says nothing about it: the machine may be busy.
hypothesis.settings.register_profile(
    "waypost", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("waypost")

TEMPLATE = "waypost_template"
MASTER_KEY = "dGVzdC1tYXN0ZXIta2V5LXRlc3QtbWFzdGVyLWtleSE="


def _is_controller(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput")


class _Servers:
    """Started once by the process that leads the run; the others find them by a file."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="waypost-test-"))
        run_folder.use(self.folder)
        self.postgres = EmbeddedPostgres(self.folder / "postgres", durable=False, max_connections=400)
        self.valkey = EmbeddedValkey(self.folder / "valkey")

    def start(self) -> None:
        self.postgres.start()
        self.valkey.start()
        run_folder.write_servers(self.postgres.url, self.valkey.url)
        asyncio.run(_make_template())

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


_servers: _Servers | None = None


def pytest_configure(config: pytest.Config) -> None:
    global _servers  # noqa: PLW0603 (pytest's hooks have nowhere else to keep it)
    if _is_controller(config) and not config.option.collectonly:
        _servers = _Servers()
        _servers.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _servers is not None and _is_controller(config):
        _servers.stop()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The canary: no secret that any test was given stands in any log of the whole run."""
    if _servers is None or not _is_controller(session.config):
        return
    leaks = run_folder.leaks(run_folder.logs(), run_folder.noted_secrets())
    if leaks:
        print("\nSecrets reached the logs:", *leaks, sep="\n  ", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


async def _make_template() -> None:
    await migrations.migrate(await create_database(TEMPLATE))


@pytest.fixture(scope="session", autouse=True)
def _logs() -> Iterator[None]:
    with (run_folder.logs() / f"{run_folder.process_name()}.log").open("a") as stream:
        configure_logging(LogFormat.JSON, "debug", "tests", stream)
        # Every stanza, and pytest keeps each line of a test.
        logging.getLogger("worker.sandbox").setLevel(logging.INFO)
        yield


@pytest.fixture(scope="session")
async def database_url() -> str:
    return await create_database(f"test_{run_folder.process_name()}", TEMPLATE)


@pytest.fixture
async def empty_database_url() -> AsyncIterator[str]:
    """A database without a schema, for one test."""
    async with own_database("empty") as url:
        yield url


@pytest.fixture(scope="session")
def make_settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Settings]:
    def make(**changes: str) -> Settings:
        environment = {
            "WAYPOST_ENVIRONMENT": "development",
            "WAYPOST_DATABASE_URL": database_url,
            "WAYPOST_REDIS_URL": run_folder.servers()["redis"],
            "WAYPOST_MASTER_KEY": MASTER_KEY,
            "WAYPOST_DATA_DIR": str(tmp_path_factory.getbasetemp() / "data"),
            # Each person of the tests has an address of their own, told by a header of this proxy.
            "WAYPOST_TRUSTED_PROXIES": "127.0.0.1",
            "WAYPOST_DATABASE_POOL": "10",
        }
        return Settings.from_environment(environment | changes)

    return make


@pytest.fixture(scope="session")
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.fixture(scope="session")
async def replica(settings: Settings) -> AsyncIterator[Replica]:
    async with Replica(settings) as running:
        yield running


@pytest.fixture
async def start_replica(make_settings: Callable[..., Settings]) -> AsyncIterator[Callable[..., Any]]:
    """More replicas of the API on the same database, with settings of their own."""
    running: list[Replica] = []

    async def start(**changes: str) -> Replica:
        another = Replica(make_settings(**changes))
        await another.__aenter__()
        running.append(another)
        return another

    yield start
    for another in running:
        await another.__aexit__(None, None, None)


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = Database(settings, "tests")
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def people(replica: Replica) -> People:
    return People(replica)
