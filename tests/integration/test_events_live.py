"""Events as they happen: at once, after an interruption, and across replicas, each of them once."""

import asyncio
import uuid
from pathlib import Path

from control_plane.db.engine import Database, SystemSite
from control_plane.events.hints import hint
from control_plane.events.log import append
from deploy.local.valkey import EmbeddedValkey
from tests.event_stream import OpenStream, happen, happening, read_on, tenant_of
from tests.factories import People
from tests.waiting import until


async def test_a_stream_begins_now_and_tells_what_happens(database: Database, people: People):
    person = await people()
    await happen(database, person, 1)
    await read_on(person, 1)
    async with OpenStream(person) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        await happen(database, person, 2, data={"text": "a\nb\r\n\nc"})
        [received] = await stream.next()
    assert received.event == "message.received"
    assert received.data.keys() == {"id", "type", "timestamp", "sessionId", "sequence", "data"}
    assert (received.data["sequence"], received.data["data"]) == (2, {"text": "a\nb\r\n\nc"})


async def test_a_stream_goes_on_where_the_last_one_was_cut(database: Database, people: People):
    person = await people()
    async with OpenStream(person) as stream:
        before = stream.place
        await happen(database, person, 1, 2)
        first, _ = await stream.next(2)
    await happen(database, person, 3)
    for last, expected in [(first.id, [2, 3, 4]), (before, [1, 2, 3, 4])]:
        async with OpenStream(person, last=last) as stream:
            assert await stream.numbers(len(expected) - 1) == expected[:-1]
            if expected[0] == 2:
                await happen(database, person, 4)
            assert await stream.numbers(1) == [4]
    async with OpenStream(person, after=before) as stream:
        assert await stream.numbers(4) == [1, 2, 3, 4]


async def test_the_cursor_of_a_page_is_good_for_a_stream_and_the_other_way_round(
    database: Database, people: People
):
    person = await people()
    await happen(database, person, 1, 2)
    seen, _ = await read_on(person, 2)
    async with OpenStream(person, after=seen[0]["cursor"]) as stream:
        [received] = await stream.next()
    assert received.id == seen[1]["cursor"]
    await happen(database, person, 3)
    assert [event["sequence"] for event in (await read_on(person, 1, received.id))[0]] == [3]


async def test_a_cursor_of_somebody_else_is_refused_with_a_status(people: People):
    owner, stranger = await people(), await people()
    cursor = (await owner.call("GET", "/v1/events")).json()["nextCursor"]
    async with OpenStream(stranger, last=cursor) as stream:
        assert stream.status == 422
        assert (await stream.body())["code"] == "invalid_cursor"


async def test_a_commit_that_comes_late_is_told_live_in_its_place(database: Database, people: People):
    person = await people()
    async with OpenStream(person) as stream:
        async with database.system_session(SystemSite.ADMIN) as slow:
            await append(slow, happening(person, 1))
            await happen(database, person, 2)
            looks = person.replica.parts.tail.looks

            async def looked_twice() -> bool:
                return person.replica.parts.tail.looks >= looks + 2

            await until(looked_twice)
            await slow.commit()
        assert await stream.numbers(2) == [1, 2]


async def test_history_and_live_meet_without_a_gap_during_a_late_commit(database: Database, people: People):
    person = await people()
    start = (await person.call("GET", "/v1/events")).json()["nextCursor"]
    await happen(database, person, 1)
    async with database.system_session(SystemSite.ADMIN) as slow:
        await append(slow, happening(person, 2))
        await happen(database, person, 3)
        async with OpenStream(person, last=start) as stream:
            assert await stream.numbers(1) == [1]
            await slow.commit()
            await happen(database, person, 4)
            assert await stream.numbers(3) == [2, 3, 4]
            cut_at = stream.place
    async with OpenStream(person, last=cut_at) as stream:
        await happen(database, person, 5)
        assert await stream.numbers(1) == [5]


async def test_nothing_is_lost_or_told_twice_while_streams_open_in_the_middle(
    database: Database, people: People
):
    person = await people()
    start = (await person.call("GET", "/v1/events")).json()["nextCursor"]
    total = 450

    async def write() -> None:
        for number in range(1, total + 1, 3):
            await happen(database, person, number, number + 1, number + 2)

    async def read() -> list[int]:
        async with OpenStream(person, last=start) as stream:
            return await stream.numbers(total)

    writing = asyncio.create_task(write())
    results = []
    for at in range(0, total, 150):
        await read_on(person, at + 1, start)
        results.append(asyncio.create_task(read()))
    await writing
    for result in results:
        assert await result == list(range(1, total + 1))


async def test_a_long_history_is_told_whole(database: Database, people: People):
    person = await people()
    start = (await person.call("GET", "/v1/events")).json()["nextCursor"]
    await happen(database, person, *range(1, 1501))
    async with OpenStream(person, last=start) as stream:
        assert await stream.numbers(1500) == list(range(1, 1501))


async def test_what_happens_while_history_is_told_does_not_cut_the_stream(database: Database, people: People):
    """More than a queue holds: it is read from the log instead."""
    person = await people()
    start = (await person.call("GET", "/v1/events")).json()["nextCursor"]
    await happen(database, person, 1)
    await read_on(person, 1, start)
    async with OpenStream(person, last=start, stops_reading=True) as stream:
        [subscription] = person.replica.parts.tail._streams[tenant_of(person)]
        await happen(database, person, *range(2, 1502))

        async def overflowed() -> bool:
            return subscription.overflowed

        await until(overflowed)
        stream.reading.set()
        assert await stream.numbers(1501) == list(range(1, 1502))


async def test_a_stream_opens_when_the_replica_reads_for_it(database: Database, start_replica, monkeypatch):
    """Else what happens between its history and the first look would be in neither."""
    replica = await start_replica()
    person = await People(replica)()
    start = (await person.call("GET", "/v1/events")).json()["nextCursor"]
    tail, may_look = replica.parts.tail, asyncio.Event()
    look = tail._look

    async def held() -> None:
        await may_look.wait()
        await look()

    monkeypatch.setattr(tail, "_look", held)
    stream = OpenStream(person, last=start)
    opening = asyncio.create_task(stream.__aenter__())

    async def asked() -> bool:
        return tenant_of(person) in tail._streams

    await until(asked)
    await happen(database, person, 1)
    await read_on(person, 1, start)
    assert not opening.done()
    may_look.set()
    await opening
    assert await stream.numbers(1) == [1]
    await stream.__aexit__(None, None, None)


async def test_a_stream_may_be_of_one_session_and_of_some_types(database: Database, people: People):
    person = await people()
    session = uuid.uuid4()
    async with OpenStream(person, sessionId=f"ses-{session}", types="message.ack") as stream:
        await happen(database, person, 1, type="message.ack")
        await happen(database, person, 2, session_id=session)
        await happen(database, person, 3, session_id=session, type="message.ack")
        assert await stream.numbers(1) == [3]


async def test_a_stream_tells_nothing_of_others(database: Database, people: People):
    person, other = await people(), await people()
    async with OpenStream(person) as stream, OpenStream(other) as others:
        await happen(database, other, 1)
        await happen(database, person, 2)
        assert await stream.numbers(1) == [2]
        assert await others.numbers(1) == [1]


async def test_every_replica_tells_it(database: Database, people: People, start_replica):
    person = await people()
    other = await start_replica()
    async with OpenStream(person) as here, OpenStream(person, on=other) as there:
        await happen(database, person, 1)
        assert await here.numbers(1) == await there.numbers(1) == [1]
        cut_at = here.place
        await happen(database, person, 2)
    async with OpenStream(person, on=other, last=cut_at) as elsewhere:
        assert await elsewhere.numbers(1) == [2]


async def test_a_hint_is_enough(database: Database, start_replica):
    replica = await start_replica()
    replica.parts.tail._poll_seconds = 600
    person = await People(replica)()
    async with OpenStream(person) as stream:
        await happen(database, person, 1)
        arrived = asyncio.create_task(stream.numbers(1))

        async def hinted() -> bool:
            hint(replica.parts.redis)
            return arrived.done()

        await until(hinted)
        assert await arrived == [1]


async def test_without_redis_events_arrive_all_the_same(database: Database, start_replica, tmp_path: Path):
    valkey = EmbeddedValkey(tmp_path / "valkey")
    valkey.start()
    try:
        replica = await start_replica(WAYPOST_REDIS_URL=valkey.url)
        person = await People(replica)()
        async with OpenStream(person) as stream:
            await happen(database, person, 1)
            assert await stream.numbers(1) == [1]
            valkey.stop()
            await happen(database, person, 2)
            hint(replica.parts.redis)
            assert await stream.numbers(1) == [2]
        async with OpenStream(person, last=stream.place) as stream:
            await happen(database, person, 3)
            assert await stream.numbers(1) == [3]
    finally:
        valkey.stop()
