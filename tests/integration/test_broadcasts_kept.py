"""What is left of a broadcast: its file, who may see it, and how it grows old or is erased."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from control_plane.db.engine import SystemSite
from control_plane.messages.history.erasing import ErasingLoop
from control_plane.messages.history.retention import RetainedMessages, Retention
from control_plane.messages.models import Message
from tests.fleet_client import Fleet, bare
from tests.integration.broadcasting import (
    BROADCASTS,
    Desk,
    a_desk,  # noqa: F401 (a fixture, as the next one)
    broadcast_settings,  # noqa: F401
    feeder,
    feeding_of,
    people,
)
from tests.integration.queueing import senders


@pytest.fixture
async def background(fleet: Fleet) -> AsyncIterator[None]:
    async with senders(fleet), feeder(fleet):
        yield


async def test_a_file_is_stored_once_for_all_of_them(desk: Desk, background: None):
    media = {"base64": "aGVsbG8=", "fileName": "offer.txt"}
    message = {"type": "document", "media": media, "caption": "For {{name}}"}
    broadcast = await desk.made(3, message=message)
    await desk.becomes(broadcast, status="done", sent=3)
    contents: list[Any] = [wish.content for wish in desk.shop.script.sends]
    assert [content.caption for content in contents] == ["For P0", "For P1", "For P2"]
    assert len({content.key for content in contents}) == 1
    assert "key" not in (await desk.one(broadcast))["content"]
    assert await desk.values("SELECT id FROM file_removals") == []
    # One of its messages grows old: the others still have the file.
    async with desk.shop.fleet.replica.parts.database.system(SystemSite.PERIODIC_WORK) as db:
        (old, *_) = (await db.scalars(select(Message))).all()
        assert await RetainedMessages(db).remove(old.session_id, old.user_id, [old]) == 0


async def test_broadcasts_are_nobody_elses_business_and_go_with_their_session(desk: Desk, fleet: Fleet):
    broadcast = await desk.made(3)
    stranger = await fleet.owner()
    path = f"/v1/sessions/{desk.shop.session}/broadcasts"
    body = {"message": {"text": "x"}, "recipients": people(1)}
    assert (await stranger.call("POST", path, json=body)).status_code == 404
    assert (await stranger.call("GET", path)).status_code == 404
    own = await fleet.session(stranger, "own")
    for base in (path, f"/v1/sessions/{own}/broadcasts"):
        for method, rest in (
            ("GET", ""),
            ("GET", "/recipients"),
            ("POST", "/pause"),
            ("POST", "/resume"),
            ("POST", "/cancel"),
        ):
            assert (await stranger.call(method, f"{base}/{broadcast}{rest}")).status_code == 404, rest
    assert (await desk.person.call("GET", f"{BROADCASTS}/nonsense")).status_code == 404
    assert (await desk.person.call("GET", f"{BROADCASTS}/{broadcast}/recipients?status=x")).status_code == 422
    assert (await desk.person.call("DELETE", f"/v1/sessions/{desk.shop.session}")).status_code < 300
    assert await desk.values("SELECT id FROM broadcast_recipients") == []
    await feeding_of(fleet).loop._take_some()


async def test_what_is_erased_of_a_message_is_erased_of_its_recipient(desk: Desk, background: None):
    broadcast = await desk.made(2)
    await desk.becomes(broadcast, status="done", sent=2)
    session = bare(desk.shop.session)
    await desk.shop.sql("DELETE FROM messages WHERE session_id = CAST(:s AS uuid)", s=session)
    rows = (await desk.recipients(broadcast))["items"]
    assert [(row["chatId"], row["variables"], row["status"]) for row in rows] == [("", {}, "sent")] * 2


async def _over_and_not(desk: Desk) -> tuple[str, str]:
    """One that is over and had a file, and one that waits."""
    message = {"type": "document", "media": {"base64": "aGVsbG8=", "fileName": "offer.txt"}}
    over = await desk.made(2, message=message)
    await desk.becomes(over, status="done", sent=2)
    return over, await desk.made(1, sendAt=(datetime.now(UTC) + timedelta(hours=1)).isoformat())


async def test_what_is_over_grows_old_like_messages_and_its_file_goes(
    desk: Desk, fleet: Fleet, background: None
):
    over, planned = await _over_and_not(desk)
    retention = Retention(fleet.replica.parts.database)
    await retention.run()
    assert (await desk.one(over))["status"] == "done"
    await desk.shop.sql("UPDATE broadcasts SET finished_at = finished_at - interval '400 days'")
    await retention.run()
    assert [str(row) for row in await desk.values("SELECT id FROM broadcasts")] == [
        planned.removeprefix("bro-")
    ]
    assert len(await desk.values("SELECT key FROM file_removals WHERE key LIKE '%/out/%'")) == 1


async def test_a_whole_session_is_erased_with_what_it_has_broadcast(
    desk: Desk, fleet: Fleet, background: None
):
    _, planned = await _over_and_not(desk)
    assert (await desk.person.call("DELETE", "/v1/sessions/shop/messages")).status_code == 202
    erasing = ErasingLoop(fleet.replica.parts.database, at_once=1)
    while await erasing.loop._take_some():
        await erasing.loop.finished()
    assert [str(row) for row in await desk.values("SELECT id FROM broadcasts")] == [
        planned.removeprefix("bro-")
    ]
    assert await desk.values("SELECT variables FROM broadcast_recipients WHERE status = 'sent'") == []
    assert len(await desk.values("SELECT key FROM file_removals WHERE key LIKE '%/out/%'")) == 1
