"""Engine processes with the real client library, and phones on the emulated network."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.conftest import anna, ben, sandbox
from tests.whatsapp.engine import Engine
from tests.whatsapp.pair import Pair
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

__all__ = ["anna", "ben", "sandbox"]


@pytest.fixture
async def engine(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Engine]:
    """For a test alone, which may kill it."""
    async with Engine(sandbox, tmp_path / "engine.log") as running:
        yield running


@pytest.fixture
async def lone(engine: Engine, anna: Phone, tmp_path: Path) -> Pair:
    return await Pair(engine, anna, str(tmp_path / "anna.db")).scan()


@pytest.fixture(scope="session")
async def common_engine(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    async with Engine(sandbox, tmp_path_factory.mktemp("engine") / "engine.log") as running:
        yield running


@pytest.fixture
async def paired(common_engine: Engine, anna: Phone, tmp_path: Path) -> AsyncIterator[Pair]:
    """In an engine with others, as it is in life."""
    pair = await Pair(common_engine, anna, str(tmp_path / "anna.db")).scan()
    yield pair
    await common_engine.stop(pair.session)
    common_engine.forget(pair.session)
