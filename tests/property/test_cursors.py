"""Cursors: read back exactly, and refused when anything about them was changed."""

import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.errors import AppError
from control_plane.http.pagination import Cursors
from control_plane.keyring import Keyring
from shared.redaction import Secret

CURSORS = Cursors(Keyring((Secret("k" * 44),)))
positions = st.tuples(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)), st.uuids())  # noqa: DTZ001


@given(positions, st.text(max_size=50))
def test_a_cursor_leads_back_to_its_position(position, listing):
    assert CURSORS.decode(listing, CURSORS.encode(listing, position)) == position


@given(st.text(min_size=1, max_size=300))
def test_junk_is_refused_and_breaks_nothing(text):
    with pytest.raises(AppError) as caught:
        CURSORS.decode("list", text)
    assert caught.value.code.code == "invalid_cursor"


@given(positions, st.data())
def test_a_changed_character_is_noticed(position, data):
    cursor = CURSORS.encode("list", position)
    at = data.draw(st.integers(0, len(cursor) - 2))  # the last character may hold unused bits
    other = "A" if cursor[at] != "A" else "B"
    with pytest.raises(AppError):
        CURSORS.decode("list", cursor[:at] + other + cursor[at + 1 :])


def test_a_cursor_of_one_list_is_no_cursor_of_another():
    cursor = CURSORS.encode("api-keys/one", (datetime.now(UTC), uuid.uuid4()))
    with pytest.raises(AppError):
        CURSORS.decode("api-keys/two", cursor)
