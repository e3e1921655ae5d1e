"""How a stream of events ends, and what it costs while nothing happens."""

import asyncio
import signal
from contextlib import AsyncExitStack

import asyncpg
import pytest

from control_plane.db.engine import Database
from control_plane.errors import AppError
from control_plane.events.places import Places
from control_plane.events.reader import EventReader, EventSource, Pulse, StreamRequest
from control_plane.events.schemas import Wanted
from control_plane.events.stream import ServerSent
from control_plane.events.tail import STREAMS_OF_A_TENANT, Tail
from control_plane.http.principal import Access
from tests.e2e.test_api_process import Api
from tests.event_stream import OpenStream, happen, read_on, tenant_of
from tests.factories import People
from tests.waiting import until

# Between two looks: a driver that is cut off in the middle of a statement complains on its own.
CUT_OFF = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name LIKE 'cut-off:%' AND datname = current_database() AND state = 'idle'
"""


async def test_a_reader_that_is_too_slow_is_told_and_cut(database: Database, people: People):
    person = await people()
    async with OpenStream(person) as stream:
        await happen(database, person, 1)
        assert await stream.numbers(1) == [1]
        stream.reading.clear()
        for _ in range(5):
            await happen(database, person, *range(500))
        [subscription] = person.replica.parts.tail._streams[tenant_of(person)]

        async def cut() -> bool:
            return subscription._end is not None

        await until(cut)
        stream.reading.set()
        end = await stream.last_word()
        assert end["reason"] == "slow_reader"
        assert "Last-Event-ID" in end["detail"]
    async with OpenStream(person, last=stream.place) as again:
        assert len(await again.next(1)) == 1


async def test_a_reader_that_takes_nothing_at_all_is_left(people: People, database: Database, monkeypatch):
    monkeypatch.setattr(Pulse, "stall_seconds", 0.05)
    person = await people()
    async with OpenStream(person) as stream:
        stream.reading.clear()
        await happen(database, person, 1)

        async def left() -> bool:
            return tenant_of(person) not in person.replica.parts.tail._streams

        await until(left)


@pytest.mark.parametrize("change", ["key revoked", "account disabled", "scope lost"])
async def test_a_credential_that_ends_takes_the_stream_with_it(
    people: People, database_url: str, change: str
):
    person = await people()
    created = await person.new_key(scopes=["events:read"])
    statement, reason = {
        "key revoked": ("UPDATE api_keys SET revoked_at = now() WHERE user_id = $1", "unauthorized"),
        "account disabled": ("UPDATE users SET disabled_at = now() WHERE id = $1", "account_disabled"),
        "scope lost": ("UPDATE api_keys SET scopes = '{}' WHERE user_id = $1", "insufficient_scope"),
    }[change]
    connection = await asyncpg.connect(database_url)
    async with OpenStream(person, bearer=created["key"]) as stream:
        await connection.execute(statement, tenant_of(person))
        assert (await stream.last_word())["reason"] == reason
    await connection.close()


async def test_a_login_that_ends_takes_its_stream_with_it_on_every_replica(people: People, start_replica):
    person = await people()
    async with OpenStream(person, on=await start_replica()) as stream:
        assert (await person.call("POST", "/v1/auth/logout")).status_code == 204
        assert (await stream.last_word())["reason"] == "unauthorized"


async def test_an_account_has_so_many_streams_and_no_more(people: People, database: Database):
    person, other = await people(), await people()
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(OpenStream(person)) for _ in range(STREAMS_OF_A_TENANT)]
        async with OpenStream(person) as refused:
            assert (refused.status, (await refused.body())["code"]) == (429, "rate_limited")
            assert int(refused.headers["retry-after"]) > 0
        async with OpenStream(other) as allowed:
            assert allowed.status == 200
        await happen(database, person, 1)
        assert [await stream.numbers(1) for stream in streams] == [[1]] * STREAMS_OF_A_TENANT
        # Fifty open streams, and no connection of the tenants' pool is taken.
        assert person.replica.parts.database._app.pool.checkedout() == 0  # type: ignore[attr-defined]
    async with OpenStream(person) as stream:
        assert stream.status == 200


async def test_an_idle_stream_says_that_it_lives(people: People):
    person = await people()
    parts = person.replica.parts
    pulse = Pulse(comment_seconds=0.05)
    source = EventSource(parts.database, Places(parts.keyring), parts.tail, parts.credentials, pulse)
    asked = StreamRequest(
        tenant=tenant_of(person),
        credential=person.access_token,
        rule=Access(scope="*"),
        wanted=Wanted(),
        after=None,
    )
    async with parts.tail.subscribe(asked.tenant, asked.wanted) as subscription:
        reader = EventReader(source, asked, subscription, ServerSent())
        await reader.begin()
        batches = reader.batches()
        async with asyncio.timeout(10):
            assert (await anext(batches))[0].startswith(b": open\n")
            assert [await anext(batches) for _ in range(2)] == [[b": alive\n\n"]] * 2
        await batches.aclose()


async def test_while_nobody_listens_nothing_is_looked_at(database: Database, settings, people: People):
    person = await people()
    tail = Tail(database, person.replica.parts.redis, poll_seconds=0.001)
    tail.start()
    assert tail.looks == 0
    async with tail.subscribe(tenant_of(person), Wanted()):
        assert tail.looks > 0

    async def at_rest() -> bool:
        return tail._place is None

    await until(at_rest)
    looks = tail.looks
    await happen(database, person, 1)
    await read_on(person, 1)
    assert tail.looks == looks
    await tail.stop()


async def test_a_database_that_was_away_costs_no_event(
    database: Database, settings, database_url: str, people: People
):
    person = await people()
    own = Database(settings, "cut-off")
    tail = Tail(own, person.replica.parts.redis)
    tail.start()
    connection = await asyncpg.connect(database_url)
    async with tail.subscribe(tenant_of(person), Wanted()) as subscription:
        subscription.go_live()

        async def cut_off() -> bool:
            return bool(await connection.fetch(CUT_OFF))

        for number in range(1, 4):
            await until(cut_off)
            await happen(database, person, number)
            events = await subscription.take(20)
            assert [event.sequence for event in events] == [number]
    await connection.close()
    await tail.stop()
    await own.close()


async def test_a_database_that_does_not_answer_is_told_with_a_status(make_settings, replica, monkeypatch):
    monkeypatch.setattr("control_plane.events.tail._JOIN_SECONDS", 0.05)
    away = Database(make_settings(WAYPOST_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"), "away")
    tail = Tail(away, replica.parts.redis)
    tail.start()
    with pytest.raises(AppError, match="database_unavailable"):
        async with tail.subscribe(tenant_of(await People(replica)()), Wanted()):
            pass
    assert tail._streams == {}
    await tail.stop()
    await away.close()


async def test_a_replica_that_drains_ends_its_streams_and_opens_none(start_replica):
    replica = await start_replica()
    person = await People(replica)()
    async with OpenStream(person) as stream:
        replica.parts.health.draining = True
        assert (await stream.last_word())["reason"] == "shutting_down"
    async with OpenStream(person) as refused:
        assert (refused.status, (await refused.body())["code"]) == (503, "shutting_down")


async def test_a_replica_that_stops_ends_its_streams(start_replica):
    replica = await start_replica()
    person = await People(replica)()
    async with OpenStream(person) as stream:
        await replica.parts.tail.stop()
        assert (await stream.last_word())["reason"] == "shutting_down"


async def test_a_process_stops_although_streams_are_open(
    database: Database, database_url: str, people: People
):
    person = await people()
    api = await Api(database_url).start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(
            f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
            f"Authorization: Bearer {person.access_token}\r\n\r\n".encode()
        )
        async with asyncio.timeout(20):
            await reader.readuntil(b": open\n")
            await happen(database, person, 1)
            await reader.readuntil(b"event: message.received\n")
            api.process.send_signal(signal.SIGTERM)
            rest = await reader.read()
            assert b'"reason":"shutting_down"' in rest
            writer.close()
            assert await api.process.wait() == 0
    finally:
        if api.process.returncode is None:
            api.process.kill()
            await api.process.wait()
