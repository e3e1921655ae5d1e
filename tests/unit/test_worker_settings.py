"""A worker's settings: all of the sandbox or nothing, and a clear line for what is wrong."""

from pathlib import Path

import pytest

from shared.environment import SettingsError
from worker.settings import Settings

BASE = {
    "WAYPOST_CONTROL_PLANE_URL": "http://127.0.0.1:8000",
    "WAYPOST_JOIN_TOKEN": "a join token of some length",
    "WAYPOST_WORKER_ID": "Worker_One",
}


def read(**changes: str) -> Settings:
    return Settings.from_environment(BASE | changes)


@pytest.fixture
def sandbox(tmp_path: Path) -> dict[str, str]:
    certificate = tmp_path / "certificate.pem"
    certificate.write_text("a certificate")
    return {
        "WAYPOST_SANDBOX_PROXY": "http://127.0.0.1:4000",
        "WAYPOST_SANDBOX_CA": str(certificate),
        "WAYPOST_SANDBOX_ROOT_KEY": "ab" * 32,
    }


def test_without_the_settings_of_the_sandbox_there_is_none():
    assert read().node.sandbox is None


def test_all_three_make_a_sandbox(sandbox: dict[str, str]):
    settings = read(**sandbox).node.sandbox
    assert settings is not None
    assert (settings.proxy, settings.root_key) == ("http://127.0.0.1:4000", b"\xab" * 32)


@pytest.mark.parametrize("missing", ["PROXY", "CA", "ROOT_KEY"])
def test_two_of_three_are_refused_by_the_name_of_the_third(sandbox: dict[str, str], missing: str):
    del sandbox[f"WAYPOST_SANDBOX_{missing}"]
    with pytest.raises(SettingsError, match=f"WAYPOST_SANDBOX_{missing}: is not set"):
        read(**sandbox)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WAYPOST_SANDBOX_PROXY", "127.0.0.1:4000", "must begin with http://"),
        ("WAYPOST_SANDBOX_PROXY", "http://127.0.0.1:port", "is not an address"),
        ("WAYPOST_SANDBOX_CA", "/nowhere/certificate.pem", "names no file"),
        ("WAYPOST_SANDBOX_ROOT_KEY", "abc", "64 hexadecimal digits"),
        ("WAYPOST_SANDBOX_ROOT_KEY", "zz" * 32, "64 hexadecimal digits"),
        ("WAYPOST_STORE_URL", "mysql://here", "must begin with postgresql://"),
        ("WAYPOST_ENGINE_SESSIONS", "0", "must be from 1 to 200"),
        ("WAYPOST_ENGINE_SPARES", "many", "whole number"),
    ],
)
def test_a_wrong_value_is_refused_by_name(sandbox: dict[str, str], name: str, value: str, words: str):
    with pytest.raises(SettingsError, match=rf"{name}: .*{words}"):
        read(**sandbox | {name: value})


def test_addresses_with_passwords_show_themselves_in_no_repr():
    settings = read(WAYPOST_STORE_URL="postgresql://u:hidden@db/x", WAYPOST_MEDIA_URL="s3://k:hidden@b/p")
    assert "hidden" not in repr(settings)
