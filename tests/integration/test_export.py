"""The history as a file: whole, in its order, safe to open, and never whole in anybody's memory."""

import csv
import io
import json
from typing import Any

import pytest

from control_plane.messages.files.media import MediaLinks
from control_plane.messages.history.export import Export
from control_plane.messages.repository import Filters
from shared.ids import UserId, parse_public_id
from tests.factories import Person
from tests.fleet_client import CONNECTED, PEER, Fleet, bare, text

OTHER = "4915198765432@s.whatsapp.net"
FORMULAS = ['=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "＝1"]  # noqa: RUF001
PATH = "/v1/sessions/shop/messages/export"


async def heard(fleet: Fleet, *told: Any) -> Person:
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, *told)
    return person


async def lines(person: Person, **asked: Any) -> list[dict[str, Any]]:
    answer = await person.call("GET", PATH, params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def table(person: Person, **asked: Any) -> list[dict[str, str]]:
    answer = await person.call("GET", PATH, params={"format": "csv", **asked})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


async def test_each_line_is_what_a_page_shows(fleet: Fleet):
    stamps = range(1_760_000_000, 1_760_000_007)
    person = await heard(fleet, *(text(f"number {stamp}", timestamp=stamp) for stamp in stamps))
    page = (await person.call("GET", "/v1/sessions/shop/messages")).json()["items"]
    assert await lines(person) == page
    assert len(page) == len(stamps)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
async def test_pieces_of_any_number_make_a_whole(fleet: Fleet, count: int):
    # All of the same second: the id tells their order.
    person = await heard(fleet, *(text(f"{number}") for number in range(count)))
    session = (await person.call("GET", "/v1/sessions/shop")).json()["id"]
    found = [line async for line in await exported(fleet, person, session, at_once=2)]
    assert sum(piece.count(b"\n") for piece in found) == count
    assert all(piece.count(b"\n") <= 2 for piece in found)


async def exported(fleet: Fleet, person: Person, session: str, at_once: int) -> Any:
    user = parse_public_id("usr", person.id)
    assert user is not None
    parts = fleet.replica.parts
    own = parse_public_id("ses", f"ses-{bare(session)}")
    assert own is not None
    links = MediaLinks(parts.keyring)
    return Export(parts.database, links, UserId(user), own, Filters(), at_once=at_once).lines()


async def test_between_two_pieces_no_transaction_is_open(fleet: Fleet):
    person = await heard(fleet, *(text(f"{number}") for number in range(4)))
    session = (await person.call("GET", "/v1/sessions/shop")).json()["id"]
    pieces = await exported(fleet, person, session, at_once=2)
    await anext(pieces)
    assert fleet.replica.parts.database._app.pool.checkedout() == 0  # type: ignore[attr-defined]
    # Who goes away ends it here.
    await pieces.aclose()
    assert fleet.replica.parts.database._app.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_the_filters_are_those_of_the_page(fleet: Fleet):
    person = await heard(
        fleet,
        text("a parcel", timestamp=1_760_000_000),
        text("a letter", timestamp=1_760_000_100),
        text("a parcel for them", timestamp=1_760_000_200, chat=OTHER, sender=OTHER),
    )
    assert [line["text"] for line in await lines(person, q="parcel")] == ["a parcel for them", "a parcel"]
    assert [line["text"] for line in await lines(person, chat=OTHER)] == ["a parcel for them"]
    assert [row["text"] for row in await table(person, chat=PEER, q="letter")] == ["a letter"]
    answer = await person.call("GET", PATH, params={"since": "yesterday"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/since")


async def test_no_cell_is_a_formula_and_numbers_stay_numbers(fleet: Fleet):
    person = await heard(fleet, *(text(body, chat_phone="+4915112345678") for body in FORMULAS))
    rows = await table(person)
    assert {row["text"] for row in rows} == {f"'{body}" for body in FORMULAS}
    assert {row["phone"] for row in rows} == {"+4915112345678"}


async def test_words_of_any_kind_come_back_as_they_were(fleet: Fleet):
    bodies = ['quoted "words", and commas', "two\nlines", "Grüße 😀", "right \u202e to left"]
    person = await heard(fleet, *(text(body) for body in bodies))
    assert {row["text"] for row in await table(person)} == set(bodies)
    assert {line["text"] for line in await lines(person)} == set(bodies)


async def test_what_a_caller_accepts_is_what_it_gets(fleet: Fleet):
    person = await heard(fleet)
    answer = await person.call("GET", PATH, headers={"Accept": "text/csv"})
    assert answer.text.startswith("id,createdAt,")
    assert answer.headers["content-disposition"] == 'attachment; filename="messages-shop.csv"'
    assert answer.headers["vary"] == "Accept"
    wanted = await person.call("GET", PATH, headers={"Accept": "text/csv"}, params={"format": "jsonl"})
    assert wanted.text == ""
    assert (await person.call("GET", PATH, params={"format": "xml"})).status_code == 422


async def test_a_stranger_gets_nothing(fleet: Fleet):
    person, stranger = await heard(fleet, text("secret")), await fleet.owner()
    session = (await person.call("GET", "/v1/sessions/shop")).json()["id"]
    answer = await stranger.call("GET", f"/v1/sessions/{session}/messages/export")
    assert (answer.status_code, "secret" in answer.text) == (404, False)
