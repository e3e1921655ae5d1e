"""Nothing secret survives the redactor, and what helps an operator does."""

import io
import json
import logging

import pytest
import structlog

from control_plane.observability.logging import configure_logging
from shared.log_lines import LogFormat
from shared.redaction import REDACTED, Secret, redact, redact_text
from tests import run_folder

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "secret",
    [
        "wp_live_" + "Ab3" * 5 + "x_" + "Cd4" * 14,
        JWT,
        "wpr_7_UqLeRQcW_7-7k7IYrdZxS4krGR3fou6F2Vjf5UzI0",
        "+4915112345678",
        "4915112345678",
        "hunter2hunter2",
    ],
)
@pytest.mark.parametrize("sentence", ["call with Bearer {}", "postgresql://user:{}@host/db", "?token={}&x=1"])
def test_a_secret_in_a_sentence_is_cut_out(secret: str, sentence: str):
    assert secret not in redact_text(sentence.format(secret))


@pytest.mark.parametrize(
    "device", ["4915112345678:2@s.whatsapp.net", "12345678901234:7@lid", "49151.0:1@lid"]
)
def test_a_device_of_the_whatsapp_network_is_cut_out_with_its_number(device: str):
    assert redact_text(f"Successfully paired {device}") == "Successfully paired [address]"


@pytest.mark.parametrize(
    "name",
    ["password", "currentPassword", "Authorization", "X-Api-Key", "refresh_token", "text", "phone", "email"],
)
def test_a_field_with_a_secret_name_loses_its_value(name: str):
    assert redact({"outer": [{name: "anything"}]}) == {"outer": [{name: REDACTED}]}


@pytest.mark.parametrize(
    "harmless",
    [
        "req-01a1fd3d-2333-701c-bf72-dfa18efc210c",
        "2026-11-21T08:33:24.801466Z",
        "/v1/users/me",
        "took 12.5 ms on port 55432",
        "10.0.0.1",
    ],
)
def test_what_an_operator_needs_stays(harmless: str):
    assert redact_text(harmless) == harmless


def test_a_secret_value_shows_itself_only_when_asked():
    secret = Secret("open sesame")
    assert "sesame" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "open sesame"


def test_the_log_redacts_events_exceptions_and_other_libraries():
    stream = io.StringIO()
    saved, handlers = structlog.get_config(), logging.getLogger().handlers
    try:
        configure_logging(LogFormat.JSON, "info", "test", stream)
        log = structlog.stdlib.get_logger("probe")
        try:
            raise ValueError(f"bad token={JWT} for +4915112345678")
        except ValueError:
            log.exception("failed", password="open sesame", detail={"apiKey": "k"})
        logging.getLogger("some.library").warning("sent Bearer %s", JWT)
    finally:
        structlog.configure(**saved)
        logging.getLogger().handlers = handlers
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["failed", f"sent Bearer {REDACTED}"]
    assert "ValueError" in lines[0]["exception"]
    for secret in (JWT, "4915112345678", "sesame"):
        assert secret not in stream.getvalue()


def test_the_canary_finds_a_secret_that_was_planted(tmp_path):
    (tmp_path / "a.log").write_text('{"event": "oops canary-planted-secret"}')
    assert run_folder.leaks(tmp_path, {"canary-planted-secret", "another"})
    assert not run_folder.leaks(tmp_path, {"another"})
