"""Deliveries are signed as the library of receivers expects it, and secrets are sealed for one endpoint."""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from control_plane.keyring import Keyring, UnknownKeyError
from control_plane.webhooks.secrets import Secrets, is_secret
from control_plane.webhooks.signing import RESERVED, signed_headers
from shared.redaction import Secret

SECRETS = Secrets(Keyring((Secret("k" * 44),)))
BODY = '{"type":"message.received","data":{"text":"Grüße 👋"}}'.encode()
ID = "evt-01a1fd3d-247e-7083-9bb7-92fe97045b6b"


def signed(*secrets: str, hmac_key: str | None = None, at: datetime | None = None) -> dict[str, str]:
    moment = at or datetime.now(UTC)
    return signed_headers(secrets=secrets, hmac_key=hmac_key, message_id=ID, at=moment, body=BODY)


def test_the_official_library_accepts_it():
    secret = SECRETS.make()
    headers = signed(secret)
    assert Webhook(secret).verify(BODY, headers) == {
        "type": "message.received",
        "data": {"text": "Grüße 👋"},
    }
    assert headers["webhook-id"] == ID
    assert set(headers) == {"webhook-id", "webhook-timestamp", "webhook-signature"}


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_id_and_time_are_signed_as_well(name: str):
    secret = SECRETS.make()
    headers = signed(secret)
    headers[name] = headers[name][:-1] + ("1" if headers[name][-1] == "0" else "0")
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers)


def test_the_body_is_signed():
    secret = SECRETS.make()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", signed(secret))


def test_during_a_rotation_both_secrets_are_good_and_no_third():
    new, old = SECRETS.make(), SECRETS.make()
    headers = signed(new, old)
    for secret in (new, old):
        Webhook(secret).verify(BODY, headers)
    assert len(headers["webhook-signature"].split()) == 2
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRETS.make()).verify(BODY, headers)


def test_the_zone_of_the_time_makes_no_difference():
    secret = SECRETS.make()
    there = datetime.now(timezone(timedelta(hours=5, minutes=30)))
    Webhook(secret).verify(BODY, signed(secret, at=there))


def test_the_older_way_is_a_digest_of_the_very_body():
    headers = signed(SECRETS.make(), hmac_key="a key of theirs")
    assert headers["X-Webhook-Hmac"] == hmac.new(b"a key of theirs", BODY, hashlib.sha512).hexdigest()
    assert headers["X-Webhook-Hmac-Algorithm"] == "sha512"
    assert {name.lower() for name in headers} <= RESERVED


@pytest.mark.parametrize(
    ("seal", "read", "plain"),
    [
        (SECRETS.seal_secret, SECRETS.open_secret, SECRETS.make()),
        (SECRETS.seal_headers, SECRETS.open_headers, {"Authorization": "Bearer of theirs"}),
        (SECRETS.seal_hmac_key, SECRETS.open_hmac_key, "a key of theirs"),
    ],
    ids=["secret", "headers", "hmac key"],
)
def test_what_is_sealed_is_opened_for_its_endpoint_alone(
    seal: Callable[..., bytes], read: Callable[..., object], plain: str | dict[str, str]
):
    one, other = uuid.uuid4(), uuid.uuid4()
    sealed = seal(one, plain)
    assert b"theirs" not in sealed
    assert read(one, sealed) == plain
    with pytest.raises(UnknownKeyError):
        read(other, sealed)


def test_what_we_make_is_a_secret_and_never_twice_the_same():
    made = {SECRETS.make() for _ in range(100)}
    assert len(made) == 100
    assert all(is_secret(secret) for secret in made)


@pytest.mark.parametrize(("size", "good"), [(23, False), (24, True), (64, True), (65, False)])
def test_a_secret_of_ones_own_has_24_to_64_bytes(size: int, good: bool):
    assert is_secret("whsec_" + base64.b64encode(b"x" * size).decode()) is good


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        base64.b64encode(b"x" * 32).decode(),
        "whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        "whsec_" + base64.b64encode(b"x" * 32).decode().rstrip("="),
        "whsec_" + base64.b64encode(b"x" * 32).decode() + "\n",
        "whsec_" + "A" * 42 + "B=",
        "whsec_" + "é" * 40,
    ],
)
def test_what_libraries_could_read_in_two_ways_is_no_secret(text: str):
    assert not is_secret(text)
