"""Addresses of the network: only whole and harmless ones reach the library."""

import pytest

from worker.whatsapp.jids import (
    device_jid,
    format_jid,
    lid_of,
    parse_device_jid,
    parse_jid,
    parse_person,
    phone_of,
    plain_address,
)


@pytest.mark.parametrize(
    "text",
    ["4915112345678@s.whatsapp.net", "123456789@lid", "120363001122334455@g.us", "status@broadcast"],
)
def test_an_address_is_read_and_written_alike(text: str):
    assert format_jid(parse_jid(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "+49 177@s.whatsapp.net",
        "1@evil.example",
        "1@s.whatsapp.net\n",
        "a@b@lid",
        "1" * 65 + "@lid",
    ],
)
def test_anything_else_is_refused(text: str):
    with pytest.raises(ValueError, match="WhatsApp"):
        parse_jid(text)


def test_a_device_is_named_exactly():
    jid = parse_device_jid("4915112345678:7@s.whatsapp.net")
    assert (jid.User, jid.Device, jid.Server) == ("4915112345678", 7, "s.whatsapp.net")
    assert device_jid(jid) == "4915112345678:7@s.whatsapp.net"


@pytest.mark.parametrize(
    "text", ["4915112345678@s.whatsapp.net", "x:1@lid", "491511:1@g.us", "491511:1000@lid"]
)
def test_what_is_no_device_is_refused(text: str):
    with pytest.raises(ValueError, match="device"):
        parse_device_jid(text)


@pytest.mark.parametrize("text", ["1@g.us", "status@broadcast", "1@newsletter", "x"])
def test_what_is_no_person_is_refused(text: str):
    with pytest.raises(ValueError, match="WhatsApp"):
        parse_person(text)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("4915112345678@s.whatsapp.net", "4915112345678@s.whatsapp.net"),
        ("4915112345678:7@s.whatsapp.net", "4915112345678@s.whatsapp.net"),
        ("4915112345678.0:7@s.whatsapp.net", "4915112345678@s.whatsapp.net"),
        ("123456789:12@lid", "123456789@lid"),
        ("1234-5678@g.us", "1234-5678@g.us"),
        ("", ""),
        ("nothing", ""),
        ("a b@lid", ""),
        ("1@lid\n", ""),
        ("1" * 65 + "@lid", ""),
        ("1@" + "x" * 40, ""),
        ("1@lid@lid", ""),
    ],
)
def test_what_strangers_write_as_an_address_is_one_or_nothing(written: str, address: str):
    assert plain_address(written) == address


def test_a_name_is_a_phones_or_a_hidden_one():
    assert (phone_of("4915112345678@s.whatsapp.net"), phone_of("1@lid"), phone_of("x@s.whatsapp.net")) == (
        "+4915112345678",
        "",
        "",
    )
    assert (lid_of("1@lid"), lid_of("1@s.whatsapp.net")) == ("1@lid", "")
