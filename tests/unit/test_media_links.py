"""A link is good for one file and for an hour, and nobody else can make one."""

import base64
from datetime import timedelta

import pytest

from control_plane.errors import AppError
from control_plane.keyring import Keyring
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.models import Message
from shared.ids import new_uuid
from shared.redaction import Secret


def keyring(*letters: str) -> Keyring:
    return Keyring(tuple(Secret(base64.b64encode(letter.encode() * 32).decode()) for letter in letters))


def message() -> Message:
    return Message(id=new_uuid(), user_id=new_uuid(), media={"key": "sessions/x/y.jpg"})


def token(links: MediaLinks, of: Message) -> str:
    link = links.link(of)
    assert link is not None
    return link.path.removeprefix("/v1/media/")


def code(links: MediaLinks, given: str) -> str:
    with pytest.raises(AppError) as refused:
        links.linked(given)
    return refused.value.code.code


def test_a_link_leads_to_its_message():
    links, one = MediaLinks(keyring("a")), message()
    linked = links.linked(token(links, one))
    assert (linked.user_id, linked.message_id) == (one.user_id, one.id)


def test_a_link_outlives_the_rotation_of_keys_and_not_their_end():
    old, one = MediaLinks(keyring("a")), message()
    assert MediaLinks(keyring("b", "a")).linked(token(old, one)).message_id == one.id
    assert code(MediaLinks(keyring("b")), token(old, one)) == "not_found"


def test_one_that_is_over_says_so():
    links, one = MediaLinks(keyring("a")), message()
    assert code(links, token(MediaLinks(keyring("a"), timedelta(seconds=-5)), one)) == "link_expired"


def test_no_bit_of_it_can_be_changed():
    links = MediaLinks(keyring("a"))
    good = token(links, message())
    raw = bytearray(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    for position in range(len(raw)):
        raw[position] ^= 1
        assert code(links, base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()) == "not_found"
        raw[position] ^= 1


@pytest.mark.parametrize("nonsense", ["", "A", "é", "%00", "A" * 10_000, "A" * 76])
def test_nonsense_leads_nowhere(nonsense: str):
    assert code(MediaLinks(keyring("a")), nonsense) == "not_found"


def test_what_is_not_kept_has_no_link():
    links, one = MediaLinks(keyring("a")), message()
    for media in (None, {}, {"error": "file_gone", "detail": "x"}):
        one.media = media
        assert links.link(one) is None
