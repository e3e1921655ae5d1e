"""Names of kept files."""

import re
import uuid
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.files.keys import checked, media_key, session_folder

SESSION = uuid.UUID("0190a000-0000-7000-8000-000000000001")
HASH = bytes(range(32))
STRANGE = st.text(max_size=200) | st.text(alphabet="./\\%\0~-_A", max_size=40)


def test_a_key_tells_session_message_and_content():
    key = media_key(SESSION, "3EB0AA", HASH, "jpg")
    assert key == f"sessions/{SESSION}/00/3EB0AA-{HASH.hex()}.jpg"
    assert checked(key) == key


@given(whatsapp_id=STRANGE, extension=STRANGE, content=st.binary(min_size=32, max_size=32))
def test_no_message_can_climb_out_of_its_sessions_folder(whatsapp_id: str, extension: str, content: bytes):
    key = media_key(SESSION, whatsapp_id, content, extension)
    assert checked(key) == key
    path = PurePosixPath(key)
    assert path.is_relative_to(session_folder(SESSION))
    assert len(path.parts) == 4
    assert not set(path.parts) & {"..", "."}
    assert re.fullmatch(r"[A-Za-z0-9/._-]+", key)
    assert len(path.name.encode()) < 255


@given(first=STRANGE, second=STRANGE)
def test_two_messages_never_share_a_key(first: str, second: str):
    keys = {media_key(SESSION, whatsapp_id, HASH, "bin") for whatsapp_id in (first, second)}
    assert len(keys) == (1 if first == second else 2)


def test_nobody_can_choose_the_id_that_a_strange_one_is_turned_into():
    strange = media_key(SESSION, "a/b", HASH, "bin")
    turned_into = strange.rpartition("/")[2].partition("-" + HASH.hex())[0]
    for chosen in (turned_into, turned_into.removeprefix("h-")):
        assert media_key(SESSION, chosen, HASH, "bin") != strange


@pytest.mark.parametrize("session", ["", "..", "a/b", "a b", "x" * 65, "a\0", "_"])
def test_what_is_no_session_has_no_folder(session: str):
    with pytest.raises(ValueError, match="no id of a session"):
        media_key(session, "3EB0", HASH, "jpg")


def test_a_hash_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="SHA-256"):
        media_key(SESSION, "3EB0", HASH[:31], "jpg")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        "a/.",
        "a\\b",
        "a b",
        "ä",
        "a.b.c",
        "a/b.J",
        "a" * 513,
        ".a",
        "a\n",
    ],
)
def test_what_is_no_key_of_ours_is_refused(key: str):
    with pytest.raises(ValueError, match="no key of ours"):
        checked(key)


@given(st.text(max_size=60))
def test_whatever_is_accepted_as_a_key_stays_below_its_root(key: str):
    try:
        accepted = checked(key)
    except ValueError:
        return
    assert ".." not in PurePosixPath(accepted).parts
    assert not PurePosixPath(accepted).is_absolute()
