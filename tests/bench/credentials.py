"""The arithmetic of credentials: no server, no network."""

import secrets
from collections.abc import Callable

from control_plane.accounts import api_keys
from control_plane.accounts.access_tokens import AccessTokens
from control_plane.accounts.passwords import PasswordHasher
from control_plane.http.principal import KeyMode
from control_plane.keyring import Keyring
from shared.ids import LoginId, UserId, new_uuid
from shared.redaction import Secret
from tests.bench.plan import Plan
from tests.bench.stand import Stand
from tests.bench.stopwatch import sample, summary
from tests.bench.tables import Column, Figures, Table, row

_COLUMNS = (
    Column("p50_us", "p50 µs", 1),
    Column("p99_us", "p99 µs", 1),
    Column("per_second", "a second", 0),
)
_NOTES = ("a second: of one core, by the median",)


def run(stand: Stand, plan: Plan) -> list[Table]:
    found: dict[str, list[Figures]] = {}
    hasher = PasswordHasher(1, 1)
    try:
        works = _works(hasher)
        for number in range(1, plan.rounds + 1):
            stand.say(f"credentials: round {number} of {plan.rounds}")
            for name, work in works.items():
                figures = summary(sample(work, plan.short_seconds))
                found.setdefault(name, []).append({**figures, "per_second": 1e6 / (figures["p50_us"] or 1)})
    finally:
        hasher.close()
    rows = [row(name, rounds) for name, rounds in found.items()]
    return [Table("credentials", "Credentials, processor alone", _COLUMNS, rows, _NOTES)]


def _works(hasher: PasswordHasher) -> dict[str, Callable[[], object]]:
    keyring = Keyring((Secret(secrets.token_urlsafe(32)),))
    password = secrets.token_urlsafe(16)
    stored = hasher._hash(password)  # its own work, without the thread that it runs in
    whole_key, parsed = api_keys.generate(KeyMode.LIVE)
    digest, digest_key_id = api_keys.digest(keyring, parsed)
    tokens = AccessTokens(keyring, lifetime_seconds=86_400)
    user, login = UserId(new_uuid()), LoginId(new_uuid())
    token = tokens.issue(user, login)

    def verify_key() -> None:
        known = api_keys.parse(whole_key)
        assert known is not None
        assert api_keys.matches(keyring, known, digest, digest_key_id)

    return {
        "argon2id: hash a password": lambda: hasher._hash(password),
        "argon2id: verify a password": lambda: hasher._verify(password, stored),
        "API key: parse and verify": verify_key,
        "JWT: verify an access token": lambda: tokens.verify(token),
        "JWT: issue an access token": lambda: tokens.issue(user, login),
    }
