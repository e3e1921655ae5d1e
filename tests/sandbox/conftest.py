"""One emulated network for each test process; every test has phones of its own."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from worker.sandbox.control.server import ControlServer
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

CONTROL_TOKEN = "a-token-of-the-control-api"
_numbers = itertools.count(4915550000001)


@pytest.fixture(scope="session")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    async with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
async def anna(sandbox: Sandbox) -> Phone:
    """Whose account the client under test belongs to."""
    return await sandbox.network.new_phone(new_number(), "Anna")


@pytest.fixture
async def ben(sandbox: Sandbox) -> Phone:
    """Who writes to her."""
    return await sandbox.network.new_phone(new_number(), "Ben")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """One for each of two clients."""
    both = tmp_path / "first", tmp_path / "second"
    for folder in both:
        folder.mkdir()
    return both


@pytest.fixture(scope="session")
async def control(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """Knows where the control API is, and its token."""
    async with ControlServer(sandbox.network, CONTROL_TOKEN) as server:
        headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
            yield client


def new_number() -> str:
    return str(next(_numbers))
