"""The commands that run once, as an operator types them."""

import asyncio
import sys

import pytest

from tests import run_folder
from tests.conftest import MASTER_KEY
from tests.factories import Person, new_email, new_password
from tests.replica import Replica
from tests.surroundings import without_settings


class Outcome:
    def __init__(self, code: int, output: str) -> None:
        self.code = code
        self.output = output


@pytest.fixture
def control_plane(database_url: str):
    async def run(*arguments: str, **changes: str) -> Outcome:
        environment = {
            "WAYPOST_DATABASE_URL": database_url,
            "WAYPOST_REDIS_URL": run_folder.servers()["redis"],
            "WAYPOST_MASTER_KEY": MASTER_KEY,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "control_plane",
            *arguments,
            env=without_settings() | environment | changes,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
        assert "Traceback" not in output
        return Outcome(process.returncode or 0, output)

    return run


async def test_an_administrator_is_made_once(control_plane, replica: Replica):
    admin = Person(replica, email=new_email(), password=new_password())
    password = {"WAYPOST_ADMIN_PASSWORD": admin.password}
    made = await control_plane("create-admin", "--email", admin.email.upper(), **password)
    assert (made.code, admin.email in made.output) == (0, True)
    assert (await admin.log_in()).json()["user"]["role"] == "admin"
    again = await control_plane("create-admin", "--email", admin.email, **password)
    assert again.code == 1
    assert "exists" in again.output
    quiet = await control_plane("create-admin", "--email", admin.email, "--if-missing", **password)
    assert quiet.code == 0
    for outcome in (made, again, quiet):
        assert admin.password not in outcome.output


@pytest.mark.parametrize(
    ("arguments", "changes", "code", "told"),
    [
        (["create-admin", "--email", "a@waypost.example"], {}, 2, "WAYPOST_ADMIN_PASSWORD"),
        (["create-admin", "--email", "nobody"], {"WAYPOST_ADMIN_PASSWORD": "a good password"}, 1, "email"),
        (["create-admin", "--email", "b@waypost.example"], {"WAYPOST_ADMIN_PASSWORD": "short"}, 1, "10"),
        (["migrate"], {"WAYPOST_DATABASE_URL": "postgresql://u:canarypw@127.0.0.1:1/x"}, 1, "DATABASE_URL"),
        (["check-config"], {"WAYPOST_DATABASE_URL": "postgresql://u:canarypw@127.0.0.1:1/x"}, 1, "DATABASE"),
        (["check-config"], {"WAYPOST_REDIS_URL": "redis://127.0.0.1:1/0"}, 1, "WAYPOST_REDIS_URL"),
        (["check-config"], {"WAYPOST_PORT": "http"}, 2, "WAYPOST_PORT: must be a whole number"),
        (["check-config"], {}, 0, "WAYPOST_PUBLIC_URL is not https"),
        (["api", "--port", "1"], {}, 2, "usage"),
        (["dance"], {}, 2, "usage"),
    ],
)
async def test_what_is_wrong_is_told_in_a_line(control_plane, arguments, changes, code, told):
    outcome = await control_plane(*arguments, **changes)
    assert outcome.code == code, outcome.output
    assert told in outcome.output
    assert "canarypw" not in outcome.output


async def test_an_admin_before_the_migrations_is_told_what_to_do(control_plane, empty_database_url: str):
    changes = {"WAYPOST_DATABASE_URL": empty_database_url, "WAYPOST_ADMIN_PASSWORD": "a good password"}
    outcome = await control_plane("create-admin", "--email", "c@waypost.example", **changes)
    assert outcome.code == 1
    assert "migrate" in outcome.output
