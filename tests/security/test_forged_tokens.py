"""Access tokens that nobody issued: every one is refused in the same way."""

import base64
import hmac
import json
import time
import uuid

import jwt
import pytest

from tests.conftest import MASTER_KEY
from tests.factories import People, Person


def _parts(person: Person) -> tuple[dict[str, object], dict[str, object], bytes]:
    header = jwt.get_unverified_header(person.access_token)
    claims = jwt.decode(person.access_token, options={"verify_signature": False})
    return header, claims, person.replica.parts.keyring.key("access-token")


def _unsigned(header: dict[str, object], claims: dict[str, object]) -> str:
    parts = (json.dumps(part).encode() for part in (header, claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def _signed(header: dict[str, object], claims: dict[str, object], key: bytes, digest: str) -> str:
    """By hand, because the library would not sign what a forger signs."""
    unsigned = _unsigned(header, claims)[:-1]
    signature = hmac.digest(key, unsigned.encode(), digest)
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


FORGERIES = {
    "no algorithm": lambda h, c, k: _unsigned(h | {"alg": "none"}, c),
    "no signature": lambda h, c, k: _unsigned(h, c),
    "another algorithm and a longer key": lambda h, c, k: _signed(h | {"alg": "HS512"}, c, k * 2, "sha512"),
    "another algorithm with the very key": lambda h, c, k: _signed(h | {"alg": "HS384"}, c, k, "sha384"),
    "the algorithm's name in another case": lambda h, c, k: _signed(h | {"alg": "hs256"}, c, k, "sha256"),
    "another key": lambda h, c, k: jwt.encode(c, b"x" * 32, "HS256", headers=h),
    "a key id that is a path": lambda h, c, k: jwt.encode(
        c, b"\0" * 32, "HS256", headers=h | {"kid": "../../dev/null"}
    ),
    "a key id that is a query": lambda h, c, k: jwt.encode(c, k, "HS256", headers=h | {"kid": "' OR 1=1 --"}),
    "an embedded key": lambda h, c, k: jwt.encode(
        c,
        b"x" * 32,
        "HS256",
        headers=h | {"kid": "mine", "jwk": {"kty": "oct", "k": "eHh4"}, "jku": "http://127.0.0.1/"},
    ),
    "another issuer": lambda h, c, k: jwt.encode(c | {"iss": "other"}, k, "HS256", headers=h),
    "another audience": lambda h, c, k: jwt.encode(c | {"aud": "other"}, k, "HS256", headers=h),
    "several audiences": lambda h, c, k: jwt.encode(
        c | {"aud": ["waypost-api", "other"]}, k, "HS256", headers=h
    ),
    "another type": lambda h, c, k: jwt.encode(c, k, "HS256", headers=h | {"typ": "JWT"}),
    "from the future": lambda h, c, k: jwt.encode(
        c | {"iat": int(time.time()) + 3600, "exp": int(time.time()) + 7200}, k, "HS256", headers=h
    ),
    "not yet valid": lambda h, c, k: jwt.encode(c | {"nbf": int(time.time()) + 3600}, k, "HS256", headers=h),
    "no end": lambda h, c, k: jwt.encode({n: v for n, v in c.items() if n != "exp"}, k, "HS256", headers=h),
    "no login": lambda h, c, k: jwt.encode({n: v for n, v in c.items() if n != "sid"}, k, "HS256", headers=h),
    "a login that does not exist": lambda h, c, k: jwt.encode(
        c | {"sid": str(uuid.uuid4())}, k, "HS256", headers=h
    ),
    "somebody else's id": lambda h, c, k: jwt.encode(c | {"sub": str(uuid.uuid4())}, k, "HS256", headers=h),
    "an id that is no id": lambda h, c, k: jwt.encode(c | {"sub": "1; DROP"}, k, "HS256", headers=h),
    "a list for an id": lambda h, c, k: jwt.encode(c | {"sid": "[]"}, k, "HS256", headers=h),
    "cut short": lambda h, c, k: jwt.encode(c, k, "HS256", headers=h)[:-5],
    "junk": lambda h, c, k: "x.y.z",
    "nearly nothing": lambda h, c, k: ".",
    "very long": lambda h, c, k: "e" * 4000,
    "too long": lambda h, c, k: "e" * 10_000,
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_is_refused(people: People, forgery: str):
    person = await people()
    token = FORGERIES[forgery](*_parts(person))
    response = await person.call("GET", "/v1/users/me", bearer=token)
    assert response.status_code == 401, forgery
    assert response.json()["code"] == "unauthorized"
    assert "www-authenticate" in response.headers or "login" in response.json()["detail"]
    assert (await person.call("GET", "/v1/users/me")).status_code == 200


async def test_an_expired_token_is_told_apart_because_a_client_can_mend_it(people: People):
    person = await people()
    header, claims, key = _parts(person)
    token = jwt.encode(claims | {"exp": int(time.time()) - 1}, key, "HS256", headers=header)
    response = await person.call("GET", "/v1/users/me", bearer=token)
    assert (response.status_code, response.json()["code"]) == (401, "token_expired")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "wp_live_x", "Token x"])
async def test_another_form_is_told_what_is_expected(people: People, header: str):
    person = await people()
    headers = {"Authorization": header} if header else {}
    response = await person.call("GET", "/v1/whoami", bearer="", headers=headers)
    assert response.status_code == 401
    assert "API key" in response.json()["detail"]
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_tokens_of_the_older_master_key_count_until_it_is_dropped(people: People, start_replica):
    person = await people()
    new_key = "bmV3LW1hc3Rlci1rZXktbmV3LW1hc3Rlci1rZXktMTI="
    rotated = await start_replica(WAYPOST_MASTER_KEY=f"{new_key},{MASTER_KEY}")
    assert (await person.call("GET", "/v1/users/me", on=rotated)).status_code == 200
    body = {"refreshToken": person.refresh_token}
    refreshed = await person.call("POST", "/v1/auth/refresh", bearer="", json=body, on=rotated)
    assert refreshed.status_code == 200
    dropped = await start_replica(WAYPOST_MASTER_KEY=new_key)
    assert (await person.call("GET", "/v1/users/me", on=dropped)).status_code == 401
    person.take(refreshed.json())
    assert (await person.call("GET", "/v1/users/me", on=dropped)).status_code == 200
