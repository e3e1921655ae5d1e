"""A fleet of a test's own: every worker that it sees is one that it has registered."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from redis.asyncio import Redis

from control_plane.settings import Settings
from deploy.local.valkey import EmbeddedValkey
from tests.conftest import TEMPLATE
from tests.databases import own_database
from tests.fleet_client import JOIN_TOKEN, Fleet
from tests.replica import Replica


@pytest.fixture
def fleet_settings() -> dict[str, str]:
    """A file of tests may have others."""
    return {"WAYPOST_JOIN_TOKENS": JOIN_TOKEN, "WAYPOST_ADDRESS_REQUESTS_PER_MINUTE": "100000"}


@pytest.fixture
async def fleet(
    make_settings: Callable[..., Settings], fleet_settings: dict[str, str]
) -> AsyncIterator[Fleet]:
    async with own_database("fleet", TEMPLATE) as url:
        settings = make_settings(WAYPOST_DATABASE_URL=url, **fleet_settings)
        async with Replica(settings) as replica:
            yield Fleet(replica)


@pytest.fixture(scope="session")
def _own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    valkey = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    valkey.start()
    yield valkey.url
    valkey.stop()


@pytest.fixture
async def redis(_own_valkey: str) -> AsyncIterator[Redis]:
    """Empty, on a server of this process's own: nothing that other processes test is written to it."""
    async with Redis.from_url(_own_valkey) as client:
        await client.flushall()
        yield client
