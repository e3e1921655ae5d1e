"""Contact cards that we make: a name is only ever a name in them."""

import pytest

from control_plane.errors import AppError
from control_plane.messages.bodies import ContactBody
from control_plane.messages.composing import contact_card


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Anna", "FN:Anna"),
        ("Smith; Sons, Ltd.", "FN:Smith\\; Sons\\, Ltd."),
        ("back\\slash", "FN:back\\\\slash"),
        ("Anna\r\nTEL:+49110", "FN:Anna\\nTEL:+49110"),
    ],
)
def test_a_name_cannot_add_lines_or_fields(name: str, written: str):
    card = contact_card(ContactBody(name=name, phone="+49 151 0000 0042"), "/contact")
    lines = card.vcard.split("\n")
    assert (card.name, lines[0], lines[-1], len(lines)) == (name, "BEGIN:VCARD", "END:VCARD", 6)
    assert lines[3] == written
    assert lines[4] == "TEL;type=CELL;waid=4915100000042:+4915100000042"


def test_a_whole_card_is_taken_as_it_is():
    vcard = "BEGIN:VCARD\nFN:Anna\nEND:VCARD"
    assert contact_card(ContactBody(name="Anna", vcard=vcard), "/contact").vcard == vcard


@pytest.mark.parametrize(
    "contact", [{}, {"phone": "me"}, {"phone": "120363000000000000@g.us"}, {"vcard": "x"}]
)
def test_what_makes_no_card_is_refused_where_it_is(contact: dict[str, str]):
    with pytest.raises(AppError) as refused:
        contact_card(ContactBody(name="Anna", **contact), "/contacts/3")
    assert refused.value.errors[0]["pointer"].startswith("/contacts/3/")
