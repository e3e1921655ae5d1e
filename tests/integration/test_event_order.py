"""Events of one session keep their order, also where the younger transaction comes first."""

import asyncio
import uuid

from sqlalchemy import text

from control_plane.db.engine import Database, SystemSite
from control_plane.sessions.repository import SupervisedSessions
from control_plane.sessions.transitions import tell
from tests.factories import People
from tests.waiting import until


async def test_who_began_early_and_waited_for_the_session_is_told_after_those_who_came_first(
    database: Database, people: People
):
    person = await people()
    created = await person.call("POST", "/v1/sessions", json={"name": "shop"})
    session_id = uuid.UUID(created.json()["id"].removeprefix("ses-"))

    async def say(word: str, holds: asyncio.Event, goes_on: asyncio.Event) -> None:
        async with database.system(SystemSite.INGEST) as db:
            await db.execute(text("SELECT pg_current_xact_id()"))
            holds.set()
            await goes_on.wait()
            (session,) = await SupervisedSessions(db).locked([session_id])
            await tell(db, session, "call.received", {"word": word})

    early, late = asyncio.Event(), asyncio.Event()
    may_end, at_once = asyncio.Event(), asyncio.Event()
    at_once.set()
    waiting = asyncio.create_task(say("second", early, may_end))
    await early.wait()
    await say("first", late, at_once)
    may_end.set()
    await waiting

    async def both() -> bool:
        return len((await person.call("GET", "/v1/events?types=call.received")).json()["items"]) == 2

    await until(both)
    items = (await person.call("GET", "/v1/events?types=call.received")).json()["items"]
    assert [item["data"]["word"] for item in items] == ["first", "second"]
    assert [item["sequence"] for item in items] == [1, 2]
    one = (await person.call("GET", "/v1/events?types=call.received&limit=1")).json()
    rest = await person.call("GET", "/v1/events?types=call.received", params={"after": one["nextCursor"]})
    assert [item["data"]["word"] for item in rest.json()["items"]] == ["second"]
