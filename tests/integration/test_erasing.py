"""Erasing a chat, or all: what was written is nowhere any more, and does not come back."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from control_plane.db.engine import SystemSite
from control_plane.messages.files.removals import FileRemoval, RemovalLoop
from control_plane.messages.history.erasing import ErasingLoop, Erasure
from control_plane.messages.models import Message, MessageKey
from shared.contracts import told as words
from tests.event_log import all_shown
from tests.factories import Person
from tests.fleet_client import CONNECTED, PEER, Fleet
from tests.fleet_client import text as written
from tests.integration.kept_files import keep_file, run, texts

OTHER = "4915198765432@s.whatsapp.net"
HIDDEN = "77@lid"
# Stands in no number and no name, so that nothing else explains it.
CANARY = "canary-of-the-erased"
SITE = SystemSite.PERIODIC_WORK


def said(whatsapp_id: str, **changes: Any) -> words.MessageReceived:
    return written(f"{CANARY} {whatsapp_id}", whatsapp_id, push_name=CANARY, **changes)


def other(whatsapp_id: str) -> words.MessageReceived:
    return written(f"kept {whatsapp_id}", whatsapp_id, chat=OTHER, sender=OTHER)


async def erase(fleet: Fleet, person: Person, path: str, *, at_once: int = 500) -> dict[str, Any]:
    answer = await person.call("DELETE", f"/v1/sessions/shop/{path}")
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "pending"
    database = fleet.replica.parts.database
    await run(
        ErasingLoop(database, at_once=at_once, idle_seconds=0.02).loop,
        database,
        Erasure,
        Erasure.done_at.is_(None),
    )
    return await progress(person, answer.json()["id"])


async def progress(person: Person, erasure: str) -> dict[str, Any]:
    answer = await person.call("GET", f"/v1/sessions/shop/erasures/{erasure}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def where_it_stands(fleet: Fleet, words_of_it: str) -> list[str]:
    """The tables that hold these words, however deep."""
    async with fleet.replica.parts.database.system(SITE) as db:
        tables = ("messages", "message_receipts", "message_responses", "events", "early_receipts", "chats")
        return [
            table
            for table in tables
            if await db.scalar(
                text(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE :words"),
                {"words": f"%{words_of_it}%"},
            )
        ]


async def test_a_chat_is_erased_with_its_events_and_under_both_of_its_names(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    hidden = said("C", chat=HIDDEN, sender=HIDDEN, chat_phone="+4915112345678")
    await worker.tell(session, 1, CONNECTED, said("A"), said("B"), hidden, other("D"))
    assert set(await where_it_stands(fleet, CANARY)) == {"messages", "events"}
    done = await erase(fleet, person, f"chats/{PEER}/messages")
    assert (done["status"], done["messages"], done["events"], done["chatId"]) == ("done", 3, 3, PEER)
    assert await where_it_stands(fleet, CANARY) == []
    assert await texts(person, session) == ["kept D"]
    assert await where_it_stands(fleet, "kept D") == ["messages", "events"]


async def test_an_event_still_tells_that_there_was_a_message_and_what_became_of_it(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, said("A"))
    await erase(fleet, person, f"chats/{PEER}/messages")
    await all_shown(fleet.replica.parts.database)
    events = (await person.call("GET", "/v1/events?types=message.received")).json()["items"]
    data = events[0]["data"]
    assert (data["erased"], data["whatsappMessageId"], data["type"]) == (True, "A", "text")
    assert not {"text", "content", "from", "chatId", "phone", "pushName"} & set(data)


async def test_what_is_told_again_stays_erased_and_what_is_new_comes(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, said("A"))
    await erase(fleet, person, f"chats/{PEER}/messages")
    history = words.HistoryReceived(kind="full", progress=1, messages=(said("A").message,))
    await worker.tell(session, 1, said("A"), history, written("new", "B"))
    assert await texts(person, session) == ["new"]
    async with fleet.replica.parts.database.system(SITE) as db:
        keys = await db.scalars(
            select(MessageKey.whatsapp_message_id).order_by(MessageKey.whatsapp_message_id)
        )
        assert keys.all() == ["A", "B"]


async def test_a_whole_session_is_erased_in_small_steps(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session, another = await fleet.running(person), await fleet.running(person, "other")
    many = [said(f"N{number}") for number in range(11)]
    await worker.tell(session, 1, CONNECTED, *many, other("D"))
    await worker.tell(another, 1, CONNECTED, written("of another session"))
    done = await erase(fleet, person, "messages", at_once=2)
    assert (done["messages"], done["events"], done["chatId"]) == (12, 12, None)
    assert await where_it_stands(fleet, CANARY) == []
    assert await texts(person, session) == []
    assert await texts(person, another) == ["of another session"]


async def test_what_came_after_the_request_stays(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, said("A"))
    asked = (await person.call("DELETE", "/v1/sessions/shop/messages")).json()
    await worker.tell(session, 1, written("later", "B"))
    database = fleet.replica.parts.database
    loop = ErasingLoop(database, idle_seconds=0.02).loop
    await run(loop, database, Erasure, Erasure.done_at.is_(None))
    assert (await progress(person, asked["id"]))["messages"] == 1
    assert await texts(person, session) == ["later"]
    assert await where_it_stands(fleet, "later") == ["messages", "events"]


async def test_files_go_as_well(fleet: Fleet, tmp_path: Path):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, said("A"), said("B"))
    key = await keep_file(worker, session, tmp_path, "A", b"a picture")
    done = await erase(fleet, person, "messages")
    assert (done["messages"], done["files"]) == (2, 1)
    database, storage = fleet.replica.parts.database, fleet.replica.parts.storage
    await run(RemovalLoop(database, storage, idle_seconds=0.02).loop, database, FileRemoval)
    assert not await storage.exists(key)


async def test_what_is_on_its_way_is_not_taken_from_those_who_send_it(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, said("A"))
    async with fleet.replica.parts.database.system(SITE) as db:
        await db.execute(update(Message).values(status="queued"))
    assert (await erase(fleet, person, "messages"))["messages"] == 0
    assert len(await texts(person, session)) == 1


async def test_a_session_that_is_deleted_meanwhile_ends_its_erasure(fleet: Fleet):
    person = await fleet.owner()
    await fleet.session(person)
    await person.call("DELETE", "/v1/sessions/shop/messages")
    assert (await person.call("DELETE", "/v1/sessions/shop")).status_code == 204
    async with fleet.replica.parts.database.system(SITE) as db:
        assert (await db.scalars(select(Erasure))).all() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/v1/sessions/none/messages", 404),
        ("DELETE", "/v1/sessions/shop/chats/me/messages", 422),
        ("GET", "/v1/sessions/shop/erasures/era-00000000-0000-7000-8000-000000000000", 404),
        ("GET", "/v1/sessions/shop/erasures/x", 404),
    ],
)
async def test_what_is_not_there_is_told(fleet: Fleet, method: str, path: str, status: int):
    person = await fleet.owner()
    await fleet.session(person)
    assert (await person.call(method, path)).status_code == status


async def test_others_neither_erase_nor_look(fleet: Fleet):
    person, stranger = await fleet.owner(), await fleet.owner()
    session = await fleet.session(person)
    asked = (await person.call("DELETE", f"/v1/sessions/{session}/messages")).json()
    assert (await stranger.call("DELETE", f"/v1/sessions/{session}/messages")).status_code == 404
    await fleet.session(stranger, "own")
    assert (await stranger.call("GET", f"/v1/sessions/own/erasures/{asked['id']}")).status_code == 404
    reader = (await person.new_key(scopes=["messages:read", "messages:send"]))["key"]
    refused = await person.call("DELETE", f"/v1/sessions/{session}/messages", bearer=reader)
    assert refused.status_code == 403
