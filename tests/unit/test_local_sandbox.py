"""What `make run` decides about the emulated network before it starts it."""

import json
import socket
import stat
from pathlib import Path

import pytest

from deploy.local.errors import LaunchError
from deploy.local.sandbox import LocalSandbox, is_wanted
from deploy.local.surroundings import worker_environment

PLACE = {"proxy": "http://127.0.0.1:4000", "certificate": "/ca.pem", "rootKey": "ab" * 32}


def test_its_ports_and_token_stay_the_same(tmp_path: Path) -> None:
    first, second = LocalSandbox(tmp_path / "sandbox"), LocalSandbox(tmp_path / "sandbox")
    assert (first.known, first.arguments) == (second.known, second.arguments)
    token = tmp_path / "sandbox" / "control-token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert first.known["controlToken"] == token.read_text().strip()


@pytest.mark.parametrize("role", ["proxy", "control"])
def test_a_port_that_somebody_else_has_taken_is_given_up(tmp_path: Path, role: str) -> None:
    before = LocalSandbox(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", _ports(tmp_path)[role]))
        taken.listen()
        after = LocalSandbox(tmp_path)
        assert after.arguments != before.arguments
        assert _ports(tmp_path)[role] != taken.getsockname()[1]
    assert LocalSandbox(tmp_path).arguments == after.arguments


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"proxy": 1}', '{"proxy": 99999999, "control": -1}', '{"proxy": 9999, "control": 9999}'],
)
def test_what_is_no_pair_of_ports_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    LocalSandbox(tmp_path)
    ports = _ports(tmp_path)
    assert 0 < ports["proxy"] < 65536
    assert 0 < ports["control"] < 65536
    assert ports["proxy"] != ports["control"]


def test_what_a_killed_one_has_left_is_not_taken_for_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text("{}")
    LocalSandbox(tmp_path)
    assert not (tmp_path / "sandbox.json").exists()


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, True),
        ({"WAYPOST_SANDBOX": "on"}, True),
        ({"WAYPOST_SANDBOX": " OFF "}, False),
        ({"WAYPOST_SANDBOX_PROXY": "http://127.0.0.1:4000"}, False),
        ({"WAYPOST_SANDBOX_PROXY": ""}, True),
    ],
)
def test_whether_it_is_started(environment: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environment) is wanted


def test_a_choice_that_is_none_is_refused() -> None:
    with pytest.raises(LaunchError, match="WAYPOST_SANDBOX must be on or off"):
        is_wanted({"WAYPOST_SANDBOX": "maybe"})


def test_a_worker_gets_the_settings_of_one_network_and_never_of_two(tmp_path: Path) -> None:
    told = _sandbox_of_worker({"WAYPOST_SANDBOX_CONTROL_TOKEN": "t"}, tmp_path)
    assert told == {
        "WAYPOST_SANDBOX_PROXY": PLACE["proxy"],
        "WAYPOST_SANDBOX_CA": PLACE["certificate"],
        "WAYPOST_SANDBOX_ROOT_KEY": PLACE["rootKey"],
    }
    own = {"WAYPOST_SANDBOX_ROOT_KEY": "cd" * 32}
    assert _sandbox_of_worker(own, tmp_path) == own


def _sandbox_of_worker(inherited: dict[str, str], folder: Path) -> dict[str, str]:
    environment = worker_environment(
        inherited, folder, "worker-2", "http://127.0.0.1:1", "join", store_url="", sandbox=PLACE
    )
    return {name: value for name, value in environment.items() if "SANDBOX" in name}


def _ports(home: Path) -> dict[str, int]:
    ports: dict[str, int] = json.loads((home / "ports.json").read_text())
    return ports
