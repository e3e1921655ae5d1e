"""Every collection is sent as it is written, to one system of real processes."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests import run_folder
from tests.collections.files import files
from tests.collections.parser import read
from tests.collections.runner import Runner
from tests.conftest import TEMPLATE
from tests.factories import new_password
from tests.fleet.stage import JOIN_TOKEN, Stage, stage


@pytest.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage(tmp_path_factory.mktemp("collections"), TEMPLATE) as opened:
        await opened.start_worker("worker-1")
        yield opened


@pytest.fixture(scope="module")
async def surroundings(system: Stage) -> dict[str, str]:
    """What `.waypost/run.json` tells of a system that `make run` has started."""
    # Its command tells the address of the new administrator: no secret, as that of a customer is.
    email, password = f"admin-{secrets.token_hex(6)}@waypost.example", new_password()
    environment = {**system._control_plane(), "WAYPOST_ADMIN_PASSWORD": password}
    arguments = ("control_plane", "create-admin", "--email", email)
    command = await system.run("create-admin", arguments, environment)
    assert await command.ended() == 0, command.log.read_text()
    return {
        "baseUrl": f"http://127.0.0.1:{system.port}",
        "adminEmail": email,
        "adminPassword": password,
        "joinToken": JOIN_TOKEN,
    }


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    hooks = {"response": [_note_secrets]}
    async with httpx.AsyncClient(timeout=40, event_hooks=hooks, trust_env=False) as opened:
        yield opened


async def _note_secrets(response: httpx.Response) -> None:
    kind = response.headers.get("content-type", "")
    if "json" in kind and "ndjson" not in kind:
        await response.aread()
        run_folder.note_secrets_of(response.json())


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
async def test_every_request_is_answered_as_its_file_says(
    client: httpx.AsyncClient, surroundings: dict[str, str], file: Path
):
    troubles = await Runner(client, read(file), surroundings).run()
    assert not troubles, "\n".join(str(trouble) for trouble in troubles)
