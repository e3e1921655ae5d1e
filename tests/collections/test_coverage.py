"""The collections leave nothing out."""

import re

import pytest

from tests.collections.collection import Collection
from tests.collections.coverage import asked_for, operations
from tests.collections.files import FOLDER, files
from tests.collections.parser import read
from tests.replica import Replica

# The first one's token stands in a mail, which no request can read; test_password_reset.py can.
# The second's address stands whole in another answer, so that nobody sees in the file which one is asked for.
# The third is a WebSocket, which no request opens; test_event_sockets.py does.
ONLY_REFUSED = {"POST /v1/auth/reset-password", "GET /v1/media/{token}", "GET /v1/events/ws"}
_FIXED_ADDRESS = re.compile(r'"email": "[^"{]+@[^"{]+"')


@pytest.fixture(scope="module")
def collections() -> list[Collection]:
    return [read(file) for file in files()]


async def test_every_operation_of_the_document_is_asked_for_and_gives_what_it_promises(
    replica: Replica, collections: list[Collection]
):
    known = operations((await replica.client.get("/openapi.json")).json())
    requests = [request for collection in collections for request in collection.requests]
    assert known - asked_for(known, requests) == set(), "no collection asks for these"
    given = asked_for(known, [request for request in requests if request.status < 400])
    assert known - given == ONLY_REFUSED, "these are only asked for where they are refused"


@pytest.mark.parametrize(("name", "least"), [("sessions", 36), ("recovery", 7)])
def test_there_are_scenarios_enough(name: str, least: int):
    assert len(read(FOLDER / f"{name}.http").named) >= least


def test_each_collection_has_an_account_of_its_own(collections: list[Collection]):
    """So that each can be sent alone, and in any order."""
    for collection in collections:
        fixed = [request.title for request in collection.requests if _FIXED_ADDRESS.search(request.body)]
        assert fixed == [], collection.file.name
