"""Events over a WebSocket: the same as every other way tells, to whoever has a ticket."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from control_plane.db.engine import Database
from control_plane.events.reader import Pulse
from deploy.local.valkey import EmbeddedValkey
from tests.conftest import MASTER_KEY
from tests.event_socket import OpenSocket, new_ticket
from tests.event_stream import OpenStream, happen, read_on, tenant_of
from tests.factories import People
from tests.waiting import until

NEW_KEY = "YW5vdGhlci1tYXN0ZXIta2V5LWFub3RoZXItbWFzdGVyLWs="


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    own = EmbeddedValkey(tmp_path / "valkey")
    own.start()
    yield own
    own.stop()


async def test_a_socket_begins_with_its_place_and_tells_what_happens(database: Database, people: People):
    person = await people()
    async with OpenSocket(person) as socket:
        assert socket.first is not None
        assert socket.first.keys() == {"type", "cursor"}
        assert socket.first["type"] == "stream.open"
        await happen(database, person, 1, data={"text": "a\nb"})
        [event] = await socket.next()
    [paged] = (await read_on(person, 1))[0]
    assert event == paged


async def test_the_answer_holds_an_address_that_is_ready_to_be_opened(people: People, start_replica):
    person = await people()
    answer = (await person.call("POST", "/v1/events/tickets")).json()
    assert answer["expiresIn"] == 60
    assert answer["url"] == f"ws://waypost.test/v1/events/ws?ticket={answer['ticket']}"
    public = await start_replica(WAYPOST_PUBLIC_URL="https://waypost.example/")
    answer = (await person.call("POST", "/v1/events/tickets", on=public)).json()
    assert answer["url"].startswith("wss://waypost.example/v1/events/ws?ticket=")


async def test_a_socket_goes_on_where_the_last_one_or_another_way_was_cut(database: Database, people: People):
    person = await people()
    async with OpenSocket(person) as socket:
        before = socket.place
        await happen(database, person, 1, 2)
        first, _ = await socket.next(2)
    await happen(database, person, 3)
    async with OpenSocket(person, ticket=await new_ticket(person, after=first["cursor"])) as socket:
        assert await socket.numbers(2) == [2, 3]
    async with OpenSocket(
        person, ticket=await new_ticket(person, after=before), after=first["cursor"]
    ) as both:
        assert await both.numbers(2) == [2, 3]
        await happen(database, person, 4)
        assert await both.numbers(1) == [4]
    async with OpenStream(person, last=first["cursor"]) as stream:
        assert await stream.numbers(3) == [2, 3, 4]


async def test_nothing_is_lost_or_told_twice_while_sockets_open_in_the_middle(
    database: Database, people: People
):
    person = await people()
    start = (await person.call("GET", "/v1/events")).json()["nextCursor"]

    async def read() -> list[int]:
        async with OpenSocket(person, after=start) as socket:
            return await socket.numbers(300)

    results = [asyncio.create_task(read())]
    for number in range(1, 301, 3):
        await happen(database, person, number, number + 1, number + 2)
        if number % 99 == 1:
            results.append(asyncio.create_task(read()))
    for result in results:
        assert await result == list(range(1, 301))


async def test_a_ticket_may_be_for_one_session_and_some_types(database: Database, people: People):
    person = await people()
    session = uuid.uuid4()
    ticket = await new_ticket(person, sessionId=f"ses-{session}", types=["message.ack", "message.sent"])
    async with OpenSocket(person, ticket=ticket) as socket:
        await happen(database, person, 1, type="message.ack")
        await happen(database, person, 2, session_id=session)
        await happen(database, person, 3, session_id=session, type="message.sent")
        assert await socket.numbers(1) == [3]


async def test_a_test_key_sees_the_sandbox_alone_and_others_see_nothing(database: Database, people: People):
    person, stranger = await people(), await people()
    key = (await person.new_key(mode="test"))["key"]
    ticket = await new_ticket(person, bearer=key)
    async with OpenSocket(person, ticket=ticket) as socket, OpenSocket(stranger) as others:
        await happen(database, person, 1)
        await happen(database, person, 2, sandbox=True)
        await happen(database, stranger, 3)
        assert await socket.numbers(1) == [2]
        assert await others.numbers(1) == [3]


async def test_a_test_key_gets_no_ticket_for_a_session_that_it_must_not_see(people: People):
    person = await people()
    key = (await person.new_key(mode="test"))["key"]
    live = (await person.call("POST", "/v1/sessions", json={"name": "real"})).json()["id"]
    answer = await person.call("POST", "/v1/events/tickets", bearer=key, json={"sessionId": live})
    assert answer.status_code == 404


async def test_a_ticket_of_one_replica_is_good_on_another_and_so_is_what_happens(
    database: Database, people: People, start_replica
):
    person, other = await people(), await start_replica()
    async with (
        OpenSocket(person, ticket=await new_ticket(person), on=other) as there,
        OpenStream(person) as here,
    ):
        created = await person.call("POST", "/v1/sessions", json={"name": "shop", "sandbox": True})
        assert created.status_code == 201
        await happen(database, person, 7)
        assert await here.numbers(1) == await there.numbers(1) == [7]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"types": ["session.exploded"]}, "validation_failed"),
        ({"types": "message.ack"}, "validation_failed"),
        ({"types": ["message.ack"] * 101}, "validation_failed"),
        ({"sessionId": "shop"}, "invalid_id"),
        ({"after": "somewhere"}, "invalid_cursor"),
        ({"after": "x" * 501}, "validation_failed"),
        ({"forever": True}, "validation_failed"),
    ],
)
async def test_what_makes_no_sense_gets_no_ticket(people: People, body: dict[str, object], code: str):
    person = await people()
    answer = await person.call("POST", "/v1/events/tickets", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_ticket_needs_the_scope_and_is_shown_once(people: People):
    person = await people()
    blind = (await person.new_key(scopes=["usage:read"]))["key"]
    answer = await person.call("POST", "/v1/events/tickets", bearer=blind)
    assert (answer.status_code, answer.json()["requiredScope"]) == (403, "events:read")
    again = [
        (await person.call("POST", "/v1/events/tickets", headers={"Idempotency-Key": "one"})).json()
        for _ in range(2)
    ]
    assert again[0]["ticket"]
    assert again[1] == {**again[0], "ticket": None, "url": None}


async def refused(person, **options) -> tuple[int, str, str]:
    async with OpenSocket(person, **options) as socket:
        word = await socket.last_word()
        assert socket.close_reason == word["reason"]
        return socket.close_code, word["reason"], word["detail"]


@pytest.mark.parametrize("ticket", ["", "made-up", "x" * 10_000, "\x00", "é%00"])
async def test_what_is_no_ticket_opens_nothing(people: People, ticket: str):
    code, reason, detail = await refused(await people(), ticket=ticket)
    assert (code, reason) == (4401, "unauthorized")
    assert "POST /v1/events/tickets" in detail


async def test_a_ticket_is_good_once_although_many_try_it_together(people: People, start_replica):
    person = await people()
    ticket, other = await new_ticket(person), await start_replica()

    async def tried(on) -> int:
        async with OpenSocket(person, ticket=ticket, on=on) as socket:
            if socket.first is not None and socket.first["type"] == "stream.open":
                return 0
            await socket.last_word()
            return socket.close_code

    codes = await asyncio.gather(*(tried(on) for on in [person.replica, other] * 5))
    assert sorted(codes) == [0] + [4401] * 9


async def test_a_ticket_ends_after_a_minute_and_neither_it_nor_its_credential_is_kept_in_plain(
    start_replica, valkey: EmbeddedValkey
):
    person = await People(await start_replica(WAYPOST_REDIS_URL=valkey.url))()
    redis: Redis = person.replica.parts.redis
    ticket = await new_ticket(person)
    [name] = [name async for name in redis.scan_iter("event-ticket:*")]
    assert 0 < await redis.ttl(name) <= 60
    kept = name + (await redis.get(name) or b"")
    assert ticket.encode() not in kept
    assert person.access_token.encode() not in kept
    await redis.delete(name)
    assert (await refused(person, ticket=ticket))[0] == 4401


async def test_what_was_put_in_the_place_of_a_ticket_is_none(start_replica, valkey: EmbeddedValkey):
    """Whoever can write to Redis still opens nothing: what is sealed is bound to its ticket."""
    replica = await start_replica(WAYPOST_REDIS_URL=valkey.url)
    redis: Redis = replica.parts.redis
    owner, stranger = await People(replica)(), await People(replica)()
    await new_ticket(owner)
    [owners] = [name async for name in redis.scan_iter("event-ticket:*")]
    ticket = await new_ticket(stranger)
    [strangers] = [name async for name in redis.scan_iter("event-ticket:*") if name != owners]
    await redis.rename(owners, strangers)
    assert (await refused(stranger, ticket=ticket))[0] == 4401


async def test_a_ticket_outlives_a_change_of_the_master_key(people: People, start_replica):
    person = await people()
    changed = await start_replica(WAYPOST_MASTER_KEY=f"{NEW_KEY},{MASTER_KEY}")
    async with OpenSocket(person, ticket=await new_ticket(person), on=changed) as socket:
        assert socket.first is not None
        assert socket.first["type"] == "stream.open"


async def test_a_foreign_cursor_opens_nothing(people: People):
    owner, stranger = await people(), await people()
    cursor = (await owner.call("GET", "/v1/events")).json()["nextCursor"]
    assert (await refused(stranger, after=cursor))[:2] == (4422, "invalid_cursor")


async def test_without_redis_there_are_no_tickets_and_that_is_told(start_replica, valkey: EmbeddedValkey):
    replica = await start_replica(WAYPOST_REDIS_URL=valkey.url)
    person = await People(replica)()
    ticket = await new_ticket(person)
    valkey.stop()
    answer = await person.call("POST", "/v1/events/tickets")
    assert (answer.status_code, answer.json()["code"]) == (503, "tickets_unavailable")
    assert "text/event-stream" in answer.json()["detail"]
    assert (await refused(person, ticket=ticket))[:2] == (4503, "tickets_unavailable")


async def test_a_credential_that_ended_before_or_ends_meanwhile_takes_the_socket_with_it(
    people: People, database_url: str
):
    person = await people()
    key = (await person.new_key(scopes=["events:read"]))["key"]
    late = await new_ticket(person, bearer=key)
    connection = await asyncpg.connect(database_url)
    async with OpenSocket(person, ticket=await new_ticket(person, bearer=key)) as socket:
        await connection.execute(
            "UPDATE api_keys SET revoked_at = now() WHERE user_id = $1", tenant_of(person)
        )
        assert (await socket.last_word())["reason"] == "unauthorized"
        assert socket.close_code == 4401
    await connection.close()
    assert (await refused(person, ticket=late))[0] == 4401


async def test_both_kinds_of_streams_count_together(start_replica, database: Database):
    replica = await start_replica(WAYPOST_STREAMS_PER_ACCOUNT="4")
    person, other = await People(replica)(), await People(replica)()
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(OpenStream(person))
            await stack.enter_async_context(OpenSocket(person))
        code, reason, detail = await refused(person)
        assert (code, reason) == (4429, "rate_limited")
        assert detail.startswith("4 streams of this account are open")
        async with OpenStream(person) as one_more:
            assert one_more.status == 429
        async with OpenSocket(other) as allowed:
            await happen(database, other, 1)
            assert await allowed.numbers(1) == [1]
    async with OpenSocket(person) as again:
        assert again.first is not None
        assert again.first["type"] == "stream.open"


async def test_a_reader_that_is_too_slow_is_told_and_cut_and_others_are_untouched(
    database: Database, people: People
):
    person = await people()
    async with OpenSocket(person) as slow, OpenSocket(person) as quick, OpenStream(person) as stream:
        await happen(database, person, 1)
        assert await slow.numbers(1) == [1]
        slow.reading.clear()
        subscriptions = set(person.replica.parts.tail._streams[tenant_of(person)])
        for batch in range(5):
            await happen(database, person, *range(batch * 500, batch * 500 + 500))
            skipped = 1 if batch == 0 else 0
            assert len(await quick.numbers(500 + skipped)) == len(await stream.numbers(500 + skipped))

        async def cut() -> bool:
            return any(each._end is not None for each in subscriptions)

        await until(cut)
        slow.reading.set()
        word = await slow.last_word()
        assert (slow.close_code, word["reason"]) == (4408, "slow_reader")
        assert "after=" in word["detail"]
        await happen(database, person, 5000)
        assert await quick.numbers(1) == await stream.numbers(1) == [5000]
    async with OpenSocket(person, after=slow.place) as again:
        assert len(await again.next(1)) == 1


async def test_a_reader_that_takes_nothing_at_all_is_left(people: People, database: Database, monkeypatch):
    monkeypatch.setattr(Pulse, "stall_seconds", 0.05)
    monkeypatch.setattr("control_plane.http.sockets._PATIENCE", 0.05)
    person = await people()
    async with OpenSocket(person) as socket:
        socket.reading.clear()
        await happen(database, person, 1)

        async def left() -> bool:
            return tenant_of(person) not in person.replica.parts.tail._streams

        await until(left)


async def test_an_idle_socket_says_that_it_lives(people: People, monkeypatch):
    monkeypatch.setattr(Pulse, "comment_seconds", 0.05)
    async with OpenSocket(await people()) as socket, asyncio.timeout(10):
        assert await socket.frame() == {"type": "stream.alive"}


async def test_words_of_the_other_end_are_let_pass_until_they_are_too_many_or_too_long(
    people: People, database: Database
):
    person = await people()
    async with OpenSocket(person) as socket:
        for _ in range(60):
            socket.say(json.dumps({"type": "ping"}))
        await happen(database, person, 1)
        assert await socket.numbers(1) == [1]
        socket.say("one more")
        assert (await socket.last_word())["reason"] == "rate_limited"
        assert socket.close_code == 4429
    async with OpenSocket(person) as socket:
        socket.say("x" * 1025)
        assert (await socket.last_word())["reason"] == "body_too_large"
        assert socket.close_code == 4413


async def test_a_replica_that_drains_ends_its_sockets_and_opens_none(start_replica):
    replica = await start_replica()
    person = await People(replica)()
    async with OpenSocket(person) as socket:
        ticket = await new_ticket(person)
        replica.parts.health.draining = True
        assert (await socket.last_word())["reason"] == "shutting_down"
        assert socket.close_code == 4503
    assert (await refused(person, ticket=ticket))[:2] == (4503, "shutting_down")


async def test_an_address_that_comes_too_often_is_refused(start_replica):
    replica = await start_replica(WAYPOST_ADDRESS_REQUESTS_PER_MINUTE="2")
    person = await People(replica)()
    codes = [(await refused(person, ticket="made-up"))[0] for _ in range(2)]
    assert codes[-1] == 4429


async def test_asked_without_an_upgrade_the_address_says_what_it_is(people: People):
    answer = await (await people()).call("GET", "/v1/events/ws", bearer="")
    assert (answer.status_code, answer.json()["code"]) == (426, "upgrade_required")
    assert answer.headers["upgrade"] == "websocket"
