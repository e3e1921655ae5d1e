"""Finding what was written: by chat, kind, state, time and words."""

from typing import Any

import pytest

from control_plane.messages import repository
from shared.contracts.messages import Location
from tests.factories import Person
from tests.fleet_client import CONNECTED, PEER, Fleet, text

OTHER = "4915198765432@s.whatsapp.net"
YEAR_2025, YEAR_2026 = 1_736_000_000, 1_767_900_000


@pytest.fixture
async def person(fleet: Fleet) -> Person:
    """With a session that has heard a few things."""
    owner, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(owner)
    await worker.tell(
        session,
        1,
        CONNECTED,
        text("Guten Tag, sind Sie morgen offen?", timestamp=YEAR_2025),
        text("The parcel is late. Again!", timestamp=YEAR_2026),
        text("Where is my parcel", timestamp=YEAR_2026 + 60, chat=OTHER, sender=OTHER),
        text("", timestamp=YEAR_2026 + 120, content=Location(latitude=1, longitude=2)),
        text(
            "hidden", timestamp=YEAR_2026 + 180, chat="77@lid", sender="77@lid", chat_phone="+4915112345678"
        ),
    )
    return owner


async def found(person: Person, **filters: Any) -> list[str]:
    answer = await person.call("GET", "/v1/sessions/shop/messages", params=filters)
    assert answer.status_code == 200, answer.text
    return [item["text"] or item["type"] for item in answer.json()["items"]]


async def test_each_filter_narrows_and_all_go_together(person: Person):
    assert len(await found(person)) == 5
    assert await found(person, type="location") == ["location"]
    assert await found(person, status="sent") == []
    assert await found(person, direction="inbound", chat=OTHER) == ["Where is my parcel"]
    assert await found(person, until="2025-12-31T00:00:00Z") == ["Guten Tag, sind Sie morgen offen?"]
    late = "2026-01-08T19:21:00Z"
    assert await found(person, since=late) == ["hidden", "location", "Where is my parcel"]
    assert await found(person, q="parcel") == ["Where is my parcel", "The parcel is late. Again!"]
    assert await found(person, q="parcel -late", chat=OTHER) == ["Where is my parcel"]


async def test_words_are_found_whatever_stands_around_them(person: Person):
    assert await found(person, q="PARCEL late") == ["The parcel is late. Again!"]
    assert await found(person, q='"sie morgen"') == ["Guten Tag, sind Sie morgen offen?"]
    for odd in ("'", '"', "& | !", "\\", "%", "-", "a" * 200):
        assert await found(person, q=odd) == []


@pytest.mark.parametrize("rare", [0, 1, 1_000])
async def test_words_are_found_however_common_they_are(person: Person, monkeypatch, rare: int):
    """Few are asked for one by one, many are come upon page by page."""
    monkeypatch.setattr(repository, "_RARE", rare)
    assert await found(person, q="parcel") == ["Where is my parcel", "The parcel is late. Again!"]
    assert await found(person, q="parcel", chat=OTHER) == ["Where is my parcel"]
    assert await found(person, q="parcel -late") == ["Where is my parcel"]
    assert await found(person, q="nothing") == []


async def test_the_chat_of_a_number_holds_what_came_under_the_name_that_hides_it(person: Person):
    chat = await found(person, chat=PEER)
    assert chat == ["hidden", "location", "The parcel is late. Again!", "Guten Tag, sind Sie morgen offen?"]


async def test_pages_of_a_filter_go_on_and_belong_to_it(person: Person):
    path = "/v1/sessions/shop/messages"
    first = (await person.call("GET", path, params={"q": "parcel", "limit": 1})).json()
    second = (
        await person.call("GET", path, params={"q": "parcel", "limit": 1, "cursor": first["nextCursor"]})
    ).json()
    assert [page["items"][0]["text"] for page in (first, second)] == [
        "Where is my parcel",
        "The parcel is late. Again!",
    ]
    other = await person.call("GET", path, params={"q": "late", "cursor": first["nextCursor"]})
    assert (other.status_code, other.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize(
    ("filters", "pointer"),
    [({"since": "yesterday"}, "/since"), ({"until": "2026-01-01"}, "/until"), ({"chat": "me"}, "/chat")],
)
async def test_a_filter_that_makes_no_sense_is_refused(person: Person, filters: dict[str, str], pointer: str):
    answer = await person.call("GET", "/v1/sessions/shop/messages", params=filters)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
