"""Ids sort by time, are spelled in one way, and names are normalised alike everywhere."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import NAME_MAX_LENGTH, new_uuid, normalise_name, parse_public_id, public_id


def test_ids_of_one_process_sort_in_the_order_of_their_making():
    made = [new_uuid() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {(value.version, value.variant) for value in made} == {(7, uuid.RFC_4122)}


def test_a_public_id_leads_back_to_its_uuid():
    value = new_uuid()
    assert parse_public_id("ses", public_id("ses", value)) == value


@pytest.mark.parametrize("spelling", ["ses-{}", "usr-{:X}", "usr-{{{}}}", "usr_{}", "{}", "usr-", "usr-x"])
def test_only_the_canonical_spelling_is_an_id(spelling: str):
    value = new_uuid()
    text = spelling.format(value) if ":X" not in spelling else f"usr-{str(value).upper()}"
    assert parse_public_id("usr", text) is None


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("Shop_One", "shop-one"),
        ("shop-one", "shop-one"),
        (" My  Shop ", "my-shop"),
        ("a", "a"),
        ("x" * 50, "x" * 50),
        ("x" * 51, None),
        ("", None),
        ("-", None),
        ("../etc", None),
        ("a/b", None),
        ("laden\u00e4", None),
        ("a\x00b", None),
    ],
)
def test_names_are_normalised_or_refused(given_name: str, expected: str | None):
    assert normalise_name(given_name) == expected


@given(st.text(max_size=80))
def test_a_normalised_name_is_stable_and_harmless(text: str):
    name = normalise_name(text)
    if name is not None:
        assert normalise_name(name) == name
        assert 1 <= len(name) <= NAME_MAX_LENGTH
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
