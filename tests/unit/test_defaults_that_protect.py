"""Small rules that protect when nobody thinks of them."""

import pytest
from litestar import get

from control_plane.accounts import api_keys
from control_plane.accounts.passwords import PasswordHasher, check_password
from control_plane.accounts.repository import AccountRepository
from control_plane.errors import AppError
from control_plane.http.principal import KeyMode, access_of
from control_plane.keyring import Keyring
from control_plane.tiers.models import QuotaUsage
from shared.ids import UserId, new_uuid
from shared.redaction import Secret, redact, redact_text


def test_a_route_that_says_nothing_is_for_people_and_not_for_everybody():
    @get("/")
    async def silent() -> None: ...

    rule = access_of(silent.opt)
    assert (rule.public, rule.unlimited, rule.scope, rule.admin) == (False, False, None, False)


def test_a_rule_of_another_kind_stops_the_start():
    with pytest.raises(TypeError):
        access_of({"access": "public"})


class _Session:
    def __init__(self, tenant: UserId) -> None:
        self.info = {"tenant": tenant}


@pytest.mark.parametrize("verb", ["select", "update", "delete"])
def test_a_tenants_statement_names_the_tenant_even_without_row_level_security(verb: str):
    repository = AccountRepository(_Session(UserId(new_uuid())))  # type: ignore[arg-type]
    statement = str(getattr(repository, verb)(QuotaUsage))
    assert "WHERE quota_usage.user_id = " in statement
    columns = str(repository.select_columns(QuotaUsage, QuotaUsage.used))
    assert "WHERE quota_usage.user_id = " in columns


def test_a_test_key_does_not_become_a_live_one_by_its_name():
    keyring = Keyring((Secret("k" * 44),))
    _, key = api_keys.generate(KeyMode.TEST)
    digest, key_id = api_keys.digest(keyring, key)
    renamed = api_keys.ParsedKey(KeyMode.LIVE, key.key_id, key.secret)
    assert not api_keys.matches(keyring, renamed, digest, key_id)


def test_the_same_text_has_another_digest_for_each_purpose():
    keyring = Keyring((Secret("k" * 44),))
    assert keyring.digest("one", b"x") != keyring.digest("other", b"x")


async def test_an_unknown_person_costs_as_much_hashing_as_a_known_one():
    verified = []

    class Counting:
        def hash(self, password: str) -> str:
            return f"hash of {password}"

        def verify(self, password: str, stored: str) -> bool:
            verified.append((password, stored))
            return False

        def verify_and_update(self, password: str, stored: str) -> tuple[bool, None]:
            return self.verify(password, stored), None

    hasher = PasswordHasher(1, 1, Counting())
    await hasher.verify("guess", "a stored hash")
    await hasher.verify("guess", None)
    hasher.close()
    assert [password for password, _ in verified] == ["guess", "guess"]


@pytest.mark.parametrize("password", ["somebody@example.com", "SOMEBODY@EXAMPLE.COM", "some.body-0123"])
def test_an_email_is_no_password(password: str):
    email = "some.body-0123@example.com" if password.startswith("some.") else "somebody@example.com"
    with pytest.raises(AppError):
        check_password(password, email)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("got wp_live_" + "A1b2" * 4 + "_" + "C3d4" * 10 + " from", "C3d4C3d4"),
        ("token wpr_" + "abcDEF12" * 4, "abcDEF12abc"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl end", "c2lnbmF0dXJl"),
        ("hash $argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA end", "aGFzaA"),
        ("mail to some.body@example.com now", "some.body"),
        ("call +4915112345678 now", "4915112345678"),
        ("at redis://:open-sesame@host/0", "open-sesame"),
        ("password=open-sesame&x", "open-sesame"),
        ("Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ],
)
def test_each_shape_is_cut_out_by_itself(text: str, secret: str):
    assert secret not in redact_text(text)


@pytest.mark.parametrize("name", ["cookie", "signature", "caption", "qrCode", "pairing_code", "apiKey", "to"])
def test_each_secret_name_is_known(name: str):
    assert "value" not in str(redact({name: "value"}))
