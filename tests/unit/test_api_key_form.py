"""The form of API keys: recognisable, self-checking, kept only as a keyed hash."""

from hypothesis import given
from hypothesis import strategies as st

from control_plane.accounts import api_keys
from control_plane.http.principal import KeyMode
from control_plane.keyring import Keyring
from shared.redaction import Secret

OLD, NEW = Secret("o" * 44), Secret("n" * 44)


def test_a_key_names_its_mode_and_is_read_back():
    whole, parts = api_keys.generate(KeyMode.TEST)
    assert whole.startswith(f"wp_test_{parts.key_id}_{parts.secret}")
    assert api_keys.parse(whole) == parts


@given(st.integers(0, 1_000), st.integers(1, 127))
def test_any_single_wrong_character_is_noticed(place: int, shift: int):
    whole, _ = api_keys.generate(KeyMode.LIVE)
    position = place % len(whole)
    other = chr((ord(whole[position]) + shift) % 128)
    assert api_keys.parse(whole[:position] + other + whole[position + 1 :]) is None


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str):
    assert api_keys.parse(text) is None
    assert api_keys.parse("wp_live_" + text) is None


def test_the_hash_recognises_the_key_and_no_other():
    keyring = Keyring((NEW,))
    _, key = api_keys.generate(KeyMode.LIVE)
    _, other = api_keys.generate(KeyMode.LIVE)
    digest, key_id = api_keys.digest(keyring, key)
    assert api_keys.matches(keyring, key, digest, key_id)
    assert not api_keys.matches(keyring, other, digest, key_id)
    assert key.secret.encode() not in digest


def test_a_key_survives_the_rotation_of_the_master_key_until_the_old_one_is_dropped():
    _, key = api_keys.generate(KeyMode.LIVE)
    digest, key_id = api_keys.digest(Keyring((OLD,)), key)
    assert api_keys.matches(Keyring((NEW, OLD)), key, digest, key_id)
    assert not api_keys.matches(Keyring((NEW,)), key, digest, key_id)
