"""Sealing: opened only with a known key, unchanged, and in the place it was sealed for."""

import pytest

from control_plane.keyring import Keyring, UnknownKeyError
from shared.redaction import Secret

OLD, NEW = Secret("o" * 44), Secret("n" * 44)


def test_what_was_sealed_is_opened_again_also_after_a_rotation():
    sealed = Keyring((OLD,)).seal("mail", b"plain", b"row 1")
    assert b"plain" not in sealed
    assert Keyring((NEW, OLD)).open("mail", sealed, b"row 1") == b"plain"


@pytest.mark.parametrize(
    ("purpose", "bound_to", "keys"),
    [("other", b"row 1", (OLD,)), ("mail", b"row 2", (OLD,)), ("mail", b"row 1", (NEW,))],
)
def test_another_purpose_place_or_key_opens_nothing(purpose, bound_to, keys):
    sealed = Keyring((OLD,)).seal("mail", b"plain", b"row 1")
    with pytest.raises(UnknownKeyError):
        Keyring(keys).open(purpose, sealed, bound_to)


def test_a_changed_byte_is_noticed():
    keyring = Keyring((OLD,))
    sealed = bytearray(keyring.seal("mail", b"plain", b""))
    sealed[-1] ^= 1
    with pytest.raises(UnknownKeyError):
        keyring.open("mail", bytes(sealed), b"")


@pytest.mark.parametrize("junk", [b"", b"x", b"\xff" * 40])
def test_junk_is_refused(junk: bytes):
    with pytest.raises(UnknownKeyError):
        Keyring((OLD,)).open("mail", junk, b"")
