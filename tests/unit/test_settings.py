"""A wrong setting stops the start with a line that names the variable, and all of them at once."""

import pytest

from control_plane.settings import Deployment, Settings, SettingsError

GOOD = {
    "WAYPOST_DATABASE_URL": "postgresql://waypost:open-sesame@localhost/waypost",
    "WAYPOST_REDIS_URL": "redis://localhost:6379/0",
    "WAYPOST_MASTER_KEY": "dGVzdC1tYXN0ZXIta2V5LXRlc3QtbWFzdGVyLWtleSE=",
}


def problems(**changes: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(GOOD | changes)
    return caught.value.problems


def test_the_least_that_is_needed_is_enough():
    settings = Settings.from_environment(GOOD)
    assert settings.deployment is Deployment.PRODUCTION
    assert settings.port == 8000


def test_by_default_no_network_is_let_through_and_no_port_of_old_services():
    settings = Settings.from_environment(GOOD)
    assert not settings.egress_allow
    assert [port for port in range(70000) if any(port in some for some in settings.egress_ports)] == [
        80,
        443,
        *range(1024, 65536),
    ]


@pytest.mark.parametrize("name", GOOD)
def test_each_needed_variable_is_asked_for_by_name(name: str):
    assert any(line.startswith(f"{name}: is not set") for line in problems(**{name: ""}))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("WAYPOST_PORT", "80a", "whole number"),
        ("WAYPOST_PORT", "70000", "from 0 to 65535"),
        ("WAYPOST_PORT", "9" * 5000, "0 to 65535"),
        ("WAYPOST_ENVIRONMENT", "prod", "development, staging, production"),
        ("WAYPOST_DATABASE_URL", "mysql://x", "postgresql://"),
        ("WAYPOST_DATABASE_URL", "postgresql://host:port/x", "port"),
        ("WAYPOST_REDIS_URL", "http://x", "redis://"),
        ("WAYPOST_MASTER_KEY", "short", "32 random bytes"),
        ("WAYPOST_MASTER_KEY", GOOD["WAYPOST_MASTER_KEY"] + ",short", "key 2"),
        ("WAYPOST_CORS_ORIGINS", "example.com", "origin"),
        ("WAYPOST_CORS_ORIGINS", "https://example.com/path", "origin"),
        ("WAYPOST_TRUSTED_PROXIES", "10.0.0.300", "network"),
        ("WAYPOST_EGRESS_ALLOW", "localhost", "network"),
        ("WAYPOST_EGRESS_PORTS", "80,https", "port"),
        ("WAYPOST_EGRESS_PORTS", "443-80", "upwards"),
        ("WAYPOST_EGRESS_PORTS", "0-70000", "1 to 65535"),
        ("WAYPOST_EGRESS_PORTS", "80-", "port"),
        ("WAYPOST_ACCESS_TOKEN_SECONDS", "nan", "seconds"),
        ("WAYPOST_ACCESS_TOKEN_SECONDS", "forever", "seconds"),
        ("WAYPOST_LOG_LEVEL", "loud", "debug, info"),
        ("WAYPOST_JOIN_TOKENS", "short", "16 characters"),
        ("WAYPOST_REGISTRATION", "maybe", "open, closed"),
    ],
)
def test_a_wrong_value_is_told_with_what_would_be_right(name: str, value: str, told: str):
    lines = problems(**{name: value})
    assert len(lines) == 1
    assert lines[0].startswith(name + ":")
    assert told in lines[0]


def test_every_problem_is_told_at_once():
    assert len(problems(WAYPOST_PORT="x", WAYPOST_LOG_LEVEL="x", WAYPOST_MASTER_KEY="")) == 3


def test_passwords_in_addresses_are_never_repeated():
    told = problems(WAYPOST_DATABASE_URL="mysql://user:open-sesame@host:port/x")
    assert "sesame" not in str(told)
    assert "sesame" not in repr(Settings.from_environment(GOOD))


def test_mail_in_production_needs_an_address_for_its_links():
    assert problems(WAYPOST_SMTP_URL="smtp://localhost") == [
        "WAYPOST_PUBLIC_URL: must be set with WAYPOST_SMTP_URL: mails hold links to it"
    ]
