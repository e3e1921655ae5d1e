"""The event log page by page: in order, for its owner alone, and without a gap."""

import uuid

import pytest

from control_plane.db.engine import Database, SystemSite
from control_plane.events.log import append
from tests.event_stream import happen, happening, read_on
from tests.factories import People


async def test_an_event_tells_what_happened_where_and_when(database: Database, people: People):
    person = await people()
    session = uuid.uuid4()
    await happen(database, person, 7, session_id=session, type="session.status", data={"status": "connected"})
    [event], _ = await read_on(person, 1)
    assert event["id"].startswith("evt-")
    assert event.keys() == {"id", "type", "timestamp", "sessionId", "sequence", "data", "cursor"}
    assert (event["type"], event["sequence"]) == ("session.status", 7)
    assert (event["sessionId"], event["data"]) == (f"ses-{session}", {"status": "connected"})


async def test_what_belongs_to_no_session_has_none(database: Database, people: People):
    person = await people()
    await happen(database, person, 0, type="quota.reached")
    assert (await read_on(person, 1))[0][0]["sessionId"] is None


async def test_pages_lead_through_everything_and_on_to_what_comes(database: Database, people: People):
    person = await people()
    empty = (await person.call("GET", "/v1/events")).json()
    assert empty["items"] == []
    await happen(database, person, 1, 2, 3)
    await happen(database, person, 4, 5)
    seen, cursor = await read_on(person, 5, empty["nextCursor"], limit="2")
    assert [event["sequence"] for event in seen] == [1, 2, 3, 4, 5]
    await happen(database, person, 6)
    later, _ = await read_on(person, 1, cursor)
    assert [event["sequence"] for event in later] == [6]
    again, _ = await read_on(person, 3, seen[2]["cursor"])
    assert [event["sequence"] for event in again] == [4, 5, 6]


async def test_a_commit_that_comes_late_is_not_skipped(database: Database, people: People):
    person = await people()
    async with database.system_session(SystemSite.ADMIN) as slow:
        await append(slow, happening(person, 1))
        await happen(database, person, 2)
        page = (await person.call("GET", "/v1/events")).json()
        assert page["items"] == []
        latest = (await person.call("GET", "/v1/events", params={"after": "latest"})).json()
        await slow.commit()
    for cursor in (page["nextCursor"], latest["nextCursor"]):
        seen, _ = await read_on(person, 2, cursor)
        assert [event["sequence"] for event in seen] == [1, 2]


async def test_what_was_rolled_back_never_happened(database: Database, people: People):
    person = await people()
    async with database.system_session(SystemSite.ADMIN) as undone:
        await append(undone, happening(person, 1))
    await happen(database, person, 2)
    seen, _ = await read_on(person, 1)
    assert [event["sequence"] for event in seen] == [2]


async def test_the_events_of_a_session_come_in_its_order(database: Database, people: People):
    person = await people()
    sessions = [uuid.uuid4(), uuid.uuid4()]
    for number in range(1, 6):
        for session in sessions:
            await happen(database, person, number, session_id=session)
    seen, _ = await read_on(person, 10, limit="3")
    for session in sessions:
        assert [e["sequence"] for e in seen if e["sessionId"] == f"ses-{session}"] == [1, 2, 3, 4, 5]


async def test_one_may_ask_for_a_session_and_for_types(database: Database, people: People):
    person = await people()
    session = uuid.uuid4()
    await happen(database, person, 1, session_id=session)
    await happen(database, person, 2, session_id=session, type="message.ack")
    await happen(database, person, 3, type="webhook.disabled")
    await happen(database, person, 4)
    await read_on(person, 4)
    for query, expected in [
        ({"sessionId": f"ses-{session}"}, [1, 2]),
        ({"types": "message.ack, webhook.disabled"}, [2, 3]),
        ({"types": "message.received", "sessionId": f"ses-{session}"}, [1]),
        ({"sessionId": f"ses-{uuid.uuid4()}"}, []),
    ]:
        page = (await person.call("GET", "/v1/events", params=query)).json()
        assert [event["sequence"] for event in page["items"]] == expected
        assert page["nextCursor"]


async def test_the_latest_place_has_nothing_before_it(database: Database, people: People):
    person = await people()
    await happen(database, person, 1)
    await read_on(person, 1)
    page = (await person.call("GET", "/v1/events", params={"after": "latest"})).json()
    assert page["items"] == []
    await happen(database, person, 2)
    assert [event["sequence"] for event in (await read_on(person, 1, page["nextCursor"]))[0]] == [2]


async def test_nobody_sees_the_events_of_others(database: Database, people: People):
    owner, stranger = await people(), await people()
    session = uuid.uuid4()
    await happen(database, owner, 1, session_id=session)
    [event], cursor = await read_on(owner, 1)
    for query in ({}, {"sessionId": f"ses-{session}"}):
        assert (await stranger.call("GET", "/v1/events", params=query)).json()["items"] == []
    for foreign in (event["cursor"], cursor):
        answer = await stranger.call("GET", "/v1/events", params={"after": foreign})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize(
    "damage", ["x", "%", "é", "0" * 400, "{cursor}A", "A{cursor}", " {cursor}", "{cursor}="]
)
async def test_a_broken_cursor_is_refused(people: People, damage: str):
    person = await people()
    cursor = (await person.call("GET", "/v1/events")).json()["nextCursor"]
    broken = damage.replace("{cursor}", cursor)
    answer = await person.call("GET", "/v1/events", params={"after": broken})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"sessionId": "mine"}, "invalid_id"),
        ({"sessionId": "usr-" + str(uuid.uuid4())}, "invalid_id"),
        ({"types": "message.recieved"}, "validation_failed"),
        ({"types": ","}, "validation_failed"),
        ({"types": "message.ack\x00"}, "validation_failed"),
        ({"limit": "0"}, "validation_failed"),
        ({"limit": "201"}, "validation_failed"),
        ({"after": "x" * 501}, "validation_failed"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused(people: People, query: dict[str, str], code: str):
    person = await people()
    for accept in ("application/json", "text/event-stream"):
        answer = await person.call("GET", "/v1/events", params=query, headers={"Accept": accept})
        assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_key_needs_the_scope(people: People):
    person = await people()
    right = (await person.new_key(scopes=["events:read"]))["key"]
    assert (await person.call("GET", "/v1/events", bearer=right)).status_code == 200
    wrong = (await person.new_key(scopes=["messages:read"]))["key"]
    refused = await person.call("GET", "/v1/events", bearer=wrong)
    assert (refused.status_code, refused.json()["requiredScope"]) == (403, "events:read")
