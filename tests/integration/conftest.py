"""A fleet of a test's own: every worker that it sees is one that it has registered."""

import os
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from control_plane.settings import Settings
from tests import run_folder
from tests.conftest import TEMPLATE
from tests.fleet_client import JOIN_TOKEN, Fleet
from tests.replica import Replica


@pytest.fixture
async def fleet(make_settings: Callable[..., Settings]) -> AsyncIterator[Fleet]:
    url, name = run_folder.servers()["database"], f"fleet_{os.urandom(4).hex()}"
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    settings = make_settings(
        WAYPOST_DATABASE_URL=f"{url.rpartition('/')[0]}/{name}",
        WAYPOST_JOIN_TOKENS=JOIN_TOKEN,
        WAYPOST_ADDRESS_REQUESTS_PER_MINUTE="100000",
    )
    async with Replica(settings) as replica:
        yield Fleet(replica)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()
