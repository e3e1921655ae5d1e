"""PostgreSQL and Valkey of one test alone, which restarts or empties them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.db import migrations
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.valkey import EmbeddedValkey


@pytest.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres", max_connections=300)
    await asyncio.to_thread(server.start)
    await migrations.migrate(server.url)
    yield server
    await asyncio.to_thread(server.stop)


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "valkey")
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.stop)
