"""The forms in which people write numbers and chats, and what is wrong with those that are refused."""

import pytest

from control_plane.errors import AppError
from control_plane.messages.chat_ids import lid_of, parse_any_chat_id, parse_chat_id, phone_of

GERMAN = "4915112345678@s.whatsapp.net"


@pytest.mark.parametrize(
    "written",
    [
        "+4915112345678",
        "4915112345678",
        "+49 (151) 1234-5678",
        "0049 151/12.34.56.78",
        " +49\u00a0151\u20111234\u20135678 ",
        "4915112345678@c.us",
        "+4915112345678@c.us",
        "4915112345678@s.whatsapp.net",
    ],
)
def test_one_number_has_many_forms(written: str):
    assert parse_chat_id(written) == GERMAN


@pytest.mark.parametrize(
    ("written", "chat"),
    [
        ("+99955512345678", "99955512345678@s.whatsapp.net"),  # the sandbox: a country that there is not
        ("+5511987654321", "5511987654321@s.whatsapp.net"),  # Brazil, with the ninth digit and without
        ("+551187654321", "551187654321@s.whatsapp.net"),
        ("+5491123456789", "5491123456789@s.whatsapp.net"),  # Argentina
        ("+541123456789", "541123456789@s.whatsapp.net"),
        ("+5215512345678", "5215512345678@s.whatsapp.net"),  # Mexico, as networks write it
        ("+525512345678", "525512345678@s.whatsapp.net"),
        ("+12345678901", "12345678901@s.whatsapp.net"),  # possible, though nobody can have it
        ("12025550@c.us", "12025550@s.whatsapp.net"),
        ("77@lid", "77@lid"),
        ("120363000000000000@g.us", "120363000000000000@g.us"),
        ("4915112345678-1600000000@g.us", "4915112345678-1600000000@g.us"),
    ],
)
def test_what_may_be_right_passes(written: str, chat: str):
    assert parse_chat_id(written) == chat


@pytest.mark.parametrize(
    ("written", "words", "detail"),
    [
        ("0151 12345678", "begins with 0", "has no country code"),
        ("+1 202 555 01", "too short for its country (+1, US)", "is too short"),
        ("+1 202 555 01234567", "too long for its country (+1, US)", "is too long"),
        ("+4915112345678901234", "too long for its country (+49, DE)", "is too long"),
        ("me", "country code", "is no chat id"),
        ("", "country code", "is no chat id"),
        ("+", "country code", "is no chat id"),
        ("+49151x", "country code", "is no chat id"),
        ("٤٩١٥١١٢٣٤٥٦٧٨", "country code", "is no chat id"),
        ("+49151\n12345678;1", "country code", "is no chat id"),
        ("1@example.com", "country code", "is no chat id"),
        ("x@lid", "country code", "is no chat id"),
        ("9" * 100, "country code", "is no chat id"),
        ("other@broadcast", "country code", "is no chat id"),
    ],
)
def test_what_cannot_be_right_is_refused_with_what_is_wrong(written: str, words: str, detail: str):
    with pytest.raises(AppError) as refused:
        parse_chat_id(written)
    assert words in str(refused.value)
    assert refused.value.errors == [{"pointer": "/to", "detail": detail}]


@pytest.mark.parametrize("chat", ["120363000000000000@newsletter", "status@broadcast"])
def test_channels_and_the_status_are_read_and_not_yet_written_to(chat: str):
    assert parse_any_chat_id(chat) == chat
    with pytest.raises(AppError, match="yet") as refused:
        parse_chat_id(chat)
    assert refused.value.errors == [{"pointer": "/to", "detail": "cannot be written to"}]


def test_the_names_of_people_are_told_from_those_of_chats():
    assert (phone_of(GERMAN), lid_of(GERMAN)) == ("+4915112345678", None)
    assert (phone_of("77@lid"), lid_of("77@lid")) == (None, "77@lid")
    for other in ("120363000000000000@g.us", "x@s.whatsapp.net", "x@lid", "", "9" * 5_000):
        assert (phone_of(other), lid_of(other)) == (None, None)
