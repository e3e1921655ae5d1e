"""A PostgreSQL of its own for each long run, with the store in it and room for many connections."""

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from control_plane.db import migrations
from deploy.local.postgres import EmbeddedPostgres
from shared.redaction import Secret
from tests.sandbox.conftest import sandbox
from tests.whatsapp.test_store import prepare
from worker.whatsapp.stores import PostgresStore

__all__ = ["sandbox"]

# Each log-in opens two or three that stay for a minute, and here are hundreds of log-ins a minute.
_CONNECTIONS = 1500


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    """The emulator tells of every stanza, and pytest would keep all of that in memory."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.WARNING)
    yield
    root.setLevel(before)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PostgresStore]:
    postgres = EmbeddedPostgres(tmp_path / "postgres", durable=False, max_connections=_CONNECTIONS)
    try:
        postgres.start()
        await migrations.migrate(postgres.url)
        code, output = await prepare(postgres.url)
        assert code == 0, output
        yield PostgresStore(Secret(postgres.url))
    finally:
        postgres.stop()
