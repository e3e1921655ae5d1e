"""A test key reads what happens to sandbox sessions, by history and live, and never anything else."""

import uuid

import pytest

from control_plane.db.engine import Database, SystemSite
from control_plane.events.log import append
from tests.event_stream import OpenStream, happen, happening, read_on
from tests.factories import People, Person
from tests.fleet_client import CONNECTED, Fleet, qr
from tests.waiting import until

FORMS = ("application/json", "text/event-stream")


async def new_test_key(person: Person) -> str:
    return str((await person.new_key(mode="test"))["key"])


async def new_session(person: Person, name: str, *, sandbox: bool) -> str:
    answer = await person.call("POST", "/v1/sessions", json={"name": name, "sandbox": sandbox})
    return str(answer.json()["id"])


async def mixed(database: Database, person: Person) -> None:
    """Even numbers are of the sandbox; others of a live session, or of the account alone."""
    live, toy = uuid.uuid4(), uuid.uuid4()
    for number in range(1, 9):
        session = None if number == 5 else live if number % 2 else toy
        await happen(database, person, number, session_id=session, sandbox=session == toy)


async def pages(person: Person, key: str, count: int, cursor: str = "") -> tuple[list[int], str]:
    numbers: list[int] = []

    async def read() -> bool:
        nonlocal cursor
        query = {"after": cursor, "limit": "1"}
        page = (await person.call("GET", "/v1/events", bearer=key, params=query)).json()
        numbers.extend(event["sequence"] for event in page["items"])
        cursor = page["nextCursor"]
        return len(numbers) >= count

    await until(read)
    return numbers, cursor


async def test_pages_hold_the_events_of_the_sandbox_alone(database: Database, people: People):
    person = await people()
    key = await new_test_key(person)
    await mixed(database, person)
    assert len((await read_on(person, 8))[0]) == 8
    numbers, cursor = await pages(person, key, 4)
    assert numbers == [2, 4, 6, 8]
    page = await person.call("GET", "/v1/events", bearer=key, params={"after": cursor})
    assert page.json()["items"] == []
    await happen(database, person, 9)
    await happen(database, person, 10, sandbox=True)
    assert (await pages(person, key, 1, page.json()["nextCursor"]))[0] == [10]


async def test_the_cursor_of_a_test_key_skips_no_commit_that_comes_late(database: Database, people: People):
    person = await people()
    key = await new_test_key(person)
    async with database.system_session(SystemSite.ADMIN) as slow:
        await append(slow, happening(person, 1, sandbox=True) + happening(person, 2))
        await happen(database, person, 3, sandbox=True)
        cursor = (await person.call("GET", "/v1/events", bearer=key)).json()["nextCursor"]
        await slow.commit()
    assert (await pages(person, key, 2, cursor))[0] == [1, 3]


async def test_a_stream_replays_and_goes_on_with_the_sandbox_alone(database: Database, people: People):
    person = await people()
    key = await new_test_key(person)
    start = (await person.call("GET", "/v1/events", bearer=key)).json()["nextCursor"]
    await mixed(database, person)
    async with OpenStream(person, last=start) as owners, OpenStream(person, bearer=key, last=start) as stream:
        assert await stream.numbers(4) == [2, 4, 6, 8]
        await happen(database, person, 9, type="quota.reached")
        await happen(database, person, 10, session_id=uuid.uuid4())
        async with database.system_session(SystemSite.ADMIN) as slow:
            await append(slow, happening(person, 11, sandbox=True) + happening(person, 12))
            await happen(database, person, 13, sandbox=True)
            await slow.commit()
        assert await owners.numbers(13) == list(range(1, 14))
        assert await stream.numbers(2) == [11, 13]
        cut_at = stream.place
    await happen(database, person, 14)
    await happen(database, person, 15, sandbox=True)
    async with OpenStream(person, bearer=key, last=cut_at) as stream:
        assert await stream.numbers(1) == [15]


async def test_types_narrow_what_a_test_key_sees_and_never_widen_it(database: Database, people: People):
    person = await people()
    key = await new_test_key(person)
    for number, (kind, sandbox) in enumerate(
        [("message.ack", False), ("message.ack", True), ("message.sent", True)], start=1
    ):
        await happen(database, person, number, type=kind, sandbox=sandbox)
    await read_on(person, 3)
    query = {"types": "message.ack"}
    page = (await person.call("GET", "/v1/events", bearer=key, params=query)).json()
    assert [event["sequence"] for event in page["items"]] == [2]


async def refusal(person: Person, key: str, accept: str, session: str) -> dict[str, object]:
    if accept == "application/json":
        answer = await person.call("GET", "/v1/events", bearer=key, params={"sessionId": session})
        status, body = answer.status_code, answer.json()
    else:
        async with OpenStream(person, bearer=key, sessionId=session) as stream:
            status = stream.status
            body = await stream.body() if status != 200 else {}
    assert status == 404
    return {**body, "requestId": ""}


@pytest.mark.parametrize("accept", FORMS)
async def test_a_session_that_a_test_key_must_not_see_is_none(
    people: People, database: Database, accept: str
):
    person, stranger = await people(), await people()
    key = await new_test_key(person)
    live = await new_session(person, "real", sandbox=False)
    foreign = await new_session(stranger, "toy", sandbox=True)
    await happen(database, person, 1, session_id=uuid.UUID(live.removeprefix("ses-")))
    await happen(database, stranger, 1, session_id=uuid.UUID(foreign.removeprefix("ses-")), sandbox=True)
    bodies = [
        await refusal(person, key, accept, session) for session in (live, foreign, f"ses-{uuid.uuid4()}")
    ]
    assert bodies[0] == bodies[1] == bodies[2]
    known = await person.call("GET", f"/v1/sessions/{live}", bearer=key)
    assert {**known.json(), "requestId": ""} == bodies[0]


async def test_a_sandbox_session_is_heard_before_its_first_event_and_after_its_end(
    people: People, database: Database
):
    person = await people()
    key = await new_test_key(person)
    toy = await new_session(person, "toy", sandbox=True)
    query = {"sessionId": toy}
    assert (await person.call("GET", "/v1/events", bearer=key, params=query)).json()["items"] == []
    async with OpenStream(person, bearer=key, sessionId=toy) as stream:
        # What the question for the session took is given back before the stream begins.
        assert person.replica.parts.database._app.pool.checkedout() == 0  # type: ignore[attr-defined]
        bare = uuid.UUID(toy.removeprefix("ses-"))
        await happen(database, person, 1, sandbox=True)
        await happen(database, person, 2, session_id=bare, sandbox=True)
        assert await stream.numbers(1) == [2]
    assert (await person.call("DELETE", "/v1/sessions/toy")).status_code == 204
    page = await person.call("GET", "/v1/events", bearer=key, params=query)
    assert [event["sequence"] for event in page.json()["items"]] == [2]


async def test_what_workers_tell_of_a_live_session_reaches_no_test_key(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    key = await new_test_key(person)
    start = (await person.call("GET", "/v1/events", bearer=key)).json()["nextCursor"]
    toy = await fleet.running(person, "toy", sandbox=True)
    live = await fleet.running(person, "real")
    async with OpenStream(person, last=start) as owners, OpenStream(person, bearer=key, last=start) as stream:
        for session in (live, toy):
            await worker.tell(session, 1, qr("2@code"), CONNECTED)
        told = await owners.next(8)
        assert {one.data["sessionId"] for one in told} == {toy, live}
        assert {one.event for one in told} == {"session.status", "session.qr"}
        heard = await stream.next(4)
    of_the_sandbox = [one.data["id"] for one in told if one.data["sessionId"] == toy]
    assert [one.data["id"] for one in heard] == of_the_sandbox
    items: list[dict[str, object]] = (await person.call("GET", "/v1/events", bearer=key)).json()["items"]
    assert [item["id"] for item in items] == of_the_sandbox
