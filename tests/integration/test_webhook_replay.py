"""Events of a time that are sent once more: which of them, in which order, and never too many."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from control_plane.db.engine import Database, SystemSite
from control_plane.events.models import LoggedEvent
from control_plane.webhooks import deliveries as asked
from control_plane.webhooks.models import Webhook, WebhookDelivery
from shared.ids import public_id
from tests.event_stream import happen, tenant_of
from tests.factories import People
from tests.integration.delivering import AGO, happened, id_of, is_due, postpone, replay, rows_of
from tests.waiting import until
from tests.webhooks import new_webhook, pointers


async def test_a_time_is_sent_again_in_the_order_of_the_log(database: Database, people: People):
    person = await people()
    async with database.system_session(SystemSite.ADMIN) as slow:
        await slow.execute(select(func.pg_current_xact_id()))
        await happen(database, person, 2)
        await slow.commit()
    events = await happened(database, person, 3, 4)
    webhook = await new_webhook(person)
    await postpone(database, webhook)
    answer = await replay(person, webhook)
    assert (answer.status_code, answer.json()) == (202, {"queued": 3})
    rows = await rows_of(database, webhook)
    assert [row.event_id for row in rows] == [event.id for event in events]
    assert [row.position for row in rows] == [event.position for event in events]
    assert {(row.replay, row.status, row.type) for row in rows} == {(True, "pending", "message.received")}
    assert rows[-1].due_at is not None
    assert rows[-1].due_at <= datetime.now(UTC)
    assert await is_due(database, webhook)
    assert (await person.call("GET", f"/v1/webhooks/{webhook['id']}")).json()["pending"] == 3


async def test_only_what_the_endpoint_wants_and_the_owner_names_is_sent_again(
    database: Database, people: People
):
    person, one, two = await people(), uuid.uuid4(), uuid.uuid4()
    await happen(database, person, 1, session_id=one)
    await happen(database, person, 2, session_id=two)
    await happen(database, person, 3, session_id=one, type="message.ack")
    await happened(database, person, 4, type="quota.reached", sandbox=True)
    everything = await new_webhook(person)
    acks = await new_webhook(person, events=["message.ack", "quota.reached"])
    toys = await new_webhook(person, bearer=(await person.new_key(mode="test"))["key"])
    first, second = public_id("ses", one), public_id("ses", two)
    for webhook, body, count in [
        (everything, {}, 4),
        (everything, {"sessionIds": [first]}, 2),
        (everything, {"sessionIds": [first, second], "types": ["message.received"]}, 2),
        (acks, {}, 2),
        (acks, {"types": ["message.received"]}, 0),
        (acks, {"sessionIds": [first]}, 1),
        (toys, {}, 1),
    ]:
        assert (await replay(person, webhook, **body)).json() == {"queued": count}, body


async def test_the_window_holds_its_begin_and_not_its_end(database: Database, people: People):
    person = await people()
    events = await happened(database, person, 1, 2, 3)
    async with database.system(SystemSite.ADMIN) as db:
        for event in events:
            made = datetime(2026, 1, 1, event.sequence, tzinfo=UTC)
            await db.execute(update(LoggedEvent).where(LoggedEvent.id == event.id).values(created_at=made))
    webhook = await new_webhook(person)
    body = {"since": "2026-01-01T01:00:00Z", "until": "2026-01-01T04:00:00+01:00"}
    assert (await replay(person, webhook, **body)).json() == {"queued": 2}
    queued = [row.event_id for row in await rows_of(database, webhook)]
    assert queued == [event.id for event in events[:2]]


async def test_what_is_still_on_its_way_is_not_queued_beside_that(database: Database, people: People):
    person = await people()
    await happened(database, person, 1)
    webhook = await new_webhook(person)
    await happened(database, person, 2)
    assert (await replay(person, webhook)).json() == {"queued": 1}


async def test_more_than_can_wait_is_refused_whole(
    database: Database, people: People, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(asked, "MOST_ASKED_FOR", 5)
    person = await people()
    events = await happened(database, person, *range(1, 9))
    webhook = await new_webhook(person)
    answer = await replay(person, webhook)
    assert (answer.status_code, answer.json()["code"]) == (422, "replay_too_large")
    assert pointers(answer) == ["/until"]
    some = events[4].created_at.isoformat()
    assert some in answer.json()["detail"]
    assert await rows_of(database, webhook) == []
    # What the refusal proposes fits.
    queued = (await replay(person, webhook, until=some)).json()["queued"]
    assert 0 < queued <= 5
    for _ in range(5 - queued):
        assert (await person.call("POST", f"/v1/webhooks/{webhook['id']}/test")).status_code == 202
    for path, body in (("replay", {"since": AGO}), ("test", None)):
        answer = await person.call("POST", f"/v1/webhooks/{webhook['id']}/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "replay_too_large")


async def test_two_replays_at_the_same_moment_share_the_room(
    database: Database, people: People, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(asked, "MOST_ASKED_FOR", 5)
    person = await people()
    events = await happened(database, person, 1, 2, 3)
    webhook = await new_webhook(person)
    blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND :by = ANY(pg_blocking_pids(pid))")

    async def waits() -> bool:
        async with database.system(SystemSite.ADMIN) as db:
            return bool(await db.scalar(blocked, {"by": by}))

    async with database.system_session(SystemSite.ADMIN) as first:
        by = await first.scalar(select(func.pg_backend_pid()))
        await first.execute(select(Webhook.id).where(Webhook.id == id_of(webhook)).with_for_update())
        for event in events:
            place = {"xid": int(event.xid), "position": event.position, "user_id": tenant_of(person)}
            first.add(WebhookDelivery(webhook_id=id_of(webhook), event_id=event.id, replay=True, **place))
        await first.flush()
        second = asyncio.create_task(replay(person, webhook))
        await until(waits)
        await first.commit()
    assert (await second).status_code == 422
    assert len(await rows_of(database, webhook)) == 3


async def test_ten_thousand_at_once(database: Database, people: People):
    person = await people()
    await happened(database, person, *range(1, 10_001))
    webhook = await new_webhook(person)
    assert (await replay(person, webhook)).json() == {"queued": 10_000}
    rows = await rows_of(database, webhook)
    assert [row.position for row in rows] == sorted(row.position for row in rows)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"since": "2026-01-01T00:00:00"}, "/since"),
        ({"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00"}, "/until"),
        ({"since": "2999-01-01T00:00:00Z"}, "/since"),
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-02T00:00:00Z"}, "/since"),
        ({"since": "yesterday"}, "/since"),
        ({"types": ["message.exploded"]}, "/types/0"),
        ({"types": []}, "/types"),
        ({"types": ["message.ack"] * 101}, "/types"),
        ({"sessionIds": ["shop"]}, "/sessionIds/0"),
        ({"everything": True}, "/everything"),
    ],
    ids=str,
)
async def test_a_replay_that_makes_no_sense_is_refused_with_its_place(
    people: People, body: dict[str, Any], pointer: str
):
    person = await people()
    answer = await replay(person, await new_webhook(person), **body)
    assert (answer.status_code, pointers(answer)) == (422, [pointer])
