"""Messages are kept as long as their account's tier says: then they go, and their files with them."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from control_plane.db.engine import SystemSite
from control_plane.messages.files.removals import FileRemoval, RemovalLoop
from control_plane.messages.history.months import first_id_at
from control_plane.messages.history.retention import Retention
from control_plane.messages.models import Message, MessageKey
from control_plane.tiers.limits import Tier
from shared.contracts import told as words
from shared.files.errors import MediaCode, MediaError
from shared.files.storage import ObjectStorage
from tests.fleet_client import CONNECTED, Fleet, received, text
from tests.integration.kept_files import keep_file, kept, run, texts

SITE = SystemSite.PERIODIC_WORK


def ago(days: float) -> int:
    return int((datetime.now(UTC) - timedelta(days=days)).timestamp())


def told(days: float, whatsapp_id: str = "", **changes: Any) -> words.MessageReceived:
    return text(f"{days} days", whatsapp_id, timestamp=ago(days), **changes)


@pytest.mark.parametrize(("tier", "days"), [(Tier.BASIC, 30), (Tier.PRO, 90), (Tier.MAX, 365)])
async def test_each_tier_keeps_its_days(fleet: Fleet, tier: Tier, days: int):
    person, worker = await fleet.people(tier), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, told(days - 1), told(days + 1), told(2000), told(0))
    database = fleet.replica.parts.database
    assert await Retention(database).run() == 2
    assert await texts(person, session) == ["0 days", f"{days - 1} days"]
    assert await Retention(database).run() == 0


async def test_an_own_number_of_days_goes_before_the_tier_and_touches_nobody_else(fleet: Fleet):
    person, other, worker = await fleet.owner(), await fleet.owner(), await fleet.worker()
    await fleet.people.change(person, limit_overrides={"historyDays": 3})
    session, another = await fleet.running(person), await fleet.running(other)
    for each in (session, another):
        await worker.tell(each, 1, CONNECTED, told(2), told(4))
    assert await Retention(fleet.replica.parts.database).run() == 1
    assert await texts(person, session) == ["2 days"]
    assert await texts(other, another) == ["2 days", "4 days"]


async def test_a_number_without_sense_keeps_the_others_going(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    forever = await fleet.owner()
    await fleet.people.change(forever, limit_overrides={"historyDays": 1_000_000_000})
    await worker.tell(session, 1, CONNECTED, told(400))
    assert await Retention(fleet.replica.parts.database).run() == 1


async def test_many_go_in_small_steps_and_what_is_locked_waits(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, *(told(400 + number) for number in range(7)))
    database = fleet.replica.parts.database
    async with database.system(SITE) as db:
        locked = select(Message).where(Message.text == "403 days").with_for_update()
        assert (await db.scalars(locked)).one()
        async with asyncio.timeout(10):
            assert await Retention(database, at_once=2).run() == 6
    assert await texts(person, session) == ["403 days"]
    assert await Retention(database, at_once=2).run() == 1


async def test_a_run_ends_in_time_and_the_next_one_goes_on(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, told(400), told(401))
    database = fleet.replica.parts.database
    began = time.monotonic()
    assert await Retention(database, at_once=1, seconds=0).run() == 0
    assert time.monotonic() - began < 5
    assert await Retention(database, at_once=1).run() == 2


async def test_what_is_on_its_way_is_kept(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, told(400))
    database = fleet.replica.parts.database
    async with database.system(SITE) as db:
        await db.execute(update(Message).values(status="scheduled"))
    assert await Retention(database).run() == 0
    assert await texts(person, session) == ["400 days"]


async def test_the_key_stays_for_longer_than_any_history(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    old = told(400, "OLD")
    await worker.tell(session, 1, CONNECTED, old)
    database = fleet.replica.parts.database
    await Retention(database).run()
    await worker.tell(session, 1, old)
    assert await texts(person, session) == []
    async with database.system(SITE) as db:
        long_ago = first_id_at(datetime.now(UTC) - timedelta(days=401))
        await db.execute(update(MessageKey).values(message_id=long_ago))
    await Retention(database).run()
    async with database.system(SITE) as db:
        assert (await db.scalars(select(MessageKey.message_id))).all() == []


async def test_of_a_phones_history_only_what_is_kept_is_stored(fleet: Fleet):
    person, worker = await fleet.people(Tier.BASIC), await fleet.worker()
    session = await fleet.running(person)
    history = (received("young", timestamp=ago(29)), received("old", timestamp=ago(31)))
    await worker.tell(session, 1, CONNECTED, words.HistoryReceived(kind="full", progress=1, messages=history))
    assert await texts(person, session) == ["young"]


async def test_files_go_with_their_messages_and_no_other_does(fleet: Fleet, tmp_path: Path):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, told(400, "OLD"), told(1, "NEW"))
    old = await keep_file(worker, session, tmp_path, "OLD", b"old")
    new = await keep_file(worker, session, tmp_path, "NEW", b"new")
    database, storage = fleet.replica.parts.database, fleet.replica.parts.storage
    assert await Retention(database).run() == 1
    assert await storage.exists(old)
    await run(RemovalLoop(database, storage, idle_seconds=0.02).loop, database, FileRemoval)
    assert (await storage.exists(old), await storage.exists(new)) == (False, True)


async def test_a_file_that_another_message_has_as_well_stays(fleet: Fleet, tmp_path: Path):
    """Senders choose the ids: two may have chosen the same, and sent the same."""
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    other = "4915198765432@s.whatsapp.net"
    await worker.tell(
        session,
        1,
        CONNECTED,
        told(400, "SAME"),
        told(1, "SAME", chat=other, sender=other),
        told(400, "ALONE"),
    )
    same = await keep_file(worker, session, tmp_path, "SAME", b"same")
    alone = await keep_file(worker, session, tmp_path, "ALONE", b"alone")
    database = fleet.replica.parts.database
    async with database.system(SITE) as db:
        media = await db.scalar(select(Message.media).where(Message.media["key"].astext == same))
        await db.execute(update(Message).where(Message.chat_id == other).values(media=media))
    assert await Retention(database).run() == 2
    async with database.system(SITE) as db:
        assert (await db.scalars(select(FileRemoval.key))).all() == [alone]


async def test_a_file_that_comes_when_its_message_is_gone_is_removed(fleet: Fleet, tmp_path: Path):
    person, worker = await fleet.owner(), await fleet.worker()
    session, other = await fleet.running(person), await fleet.running(person, "other")
    database, storage = fleet.replica.parts.database, fleet.replica.parts.storage
    late = await keep_file(worker, session, tmp_path, "NOBODY", b"late")
    await run(RemovalLoop(database, storage, idle_seconds=0.02).loop, database, FileRemoval)
    assert not await storage.exists(late)
    # A worker may speak of files of the session that it speaks for.
    await worker.tell(other, 1, kept(late, "NOBODY", bytes(32), 4))
    async with database.system(SITE) as db:
        assert (await db.scalars(select(FileRemoval))).all() == []


async def test_what_a_storage_refuses_to_delete_is_tried_again(fleet: Fleet, tmp_path: Path, monkeypatch):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, told(400, "OLD"))
    key = await keep_file(worker, session, tmp_path, "OLD", b"old")
    database, storage = fleet.replica.parts.database, fleet.replica.parts.storage
    await Retention(database).run()
    tries: list[str] = []

    class Stubborn(ObjectStorage):
        async def delete(self, key: str) -> None:
            tries.append(key)
            if len(tries) == 1:
                raise MediaError(MediaCode.STORAGE_UNAVAILABLE, "The storage is away.")
            await storage.delete(key)

    await run(RemovalLoop(database, Stubborn(storage._place), idle_seconds=0.02).loop, database, FileRemoval)
    assert tries == [key, key]
    assert not await storage.exists(key)


async def test_with_a_session_go_all_of_its_files(fleet: Fleet, tmp_path: Path):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, told(1, "ONE"))
    key = await keep_file(worker, session, tmp_path, "ONE", b"one")
    assert (await person.call("DELETE", f"/v1/sessions/{session}")).status_code == 204
    database, storage = fleet.replica.parts.database, fleet.replica.parts.storage
    async with database.system(SITE) as db:
        removal = (await db.scalars(select(FileRemoval))).one()
        # Not at once: a worker may be putting one down.
        assert removal.due_at > datetime.now(UTC) + timedelta(minutes=9)
        removal.due_at = datetime.now(UTC)
    await run(RemovalLoop(database, storage, idle_seconds=0.02).loop, database, FileRemoval)
    assert not await storage.exists(key)
