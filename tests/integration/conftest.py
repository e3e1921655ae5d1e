"""A fleet of a test's own: every worker that it sees is one that it has registered."""

from collections.abc import AsyncIterator, Callable

import pytest

from control_plane.settings import Settings
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
