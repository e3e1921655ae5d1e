"""Deliveries as their owner sees them, and events that are sent once more: by id, by time, or as a test."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from control_plane.db.engine import Database, SystemSite
from control_plane.events.models import LoggedEvent
from shared.ids import public_id
from tests.factories import People
from tests.integration.delivering import (
    AGO,
    deliver,
    happened,
    is_due,
    logged,
    page,
    postpone,
    replay,
    rows_of,
)
from tests.replica import Replica
from tests.webhooks import URL, new_webhook


async def test_a_delivery_shows_every_try_and_the_event_as_it_would_be_sent(
    database: Database, people: People
):
    person, session = await people(), uuid.uuid4()
    [event] = await happened(database, person, 7, session_id=session, data={"text": "hello"})
    webhook = await new_webhook(person)
    tries = [
        {"at": "2026-01-02T03:04:05+00:00", "statusCode": None, "error": "url_timeout",
         "milliseconds": 15000},
        {"at": "2026-01-02T03:04:15+00:00", "statusCode": 500, "error": None, "milliseconds": 1.5,
         "response": "<h1>Oh"},
    ]  # fmt: skip
    due = datetime.now(UTC) + timedelta(minutes=5)
    row = await deliver(
        database, person, webhook, event, status="pending", attempts=2, tries=tries, status_code=500,
        due_at=due, first_attempt_at=due, last_attempt_at=due,
    )  # fmt: skip
    [shown] = (await page(person, webhook))["items"]
    assert shown == {
        "id": public_id("dlv", row.id),
        "webhookId": webhook["id"],
        "url": URL,
        "eventId": public_id("evt", event.id),
        "type": "message.received",
        "sessionId": public_id("ses", session),
        "sequence": 7,
        "status": "pending",
        "replay": False,
        "attempts": 2,
        "createdAt": shown["createdAt"],
        "dueAt": due.isoformat().replace("+00:00", "Z"),
        "firstAttemptAt": due.isoformat().replace("+00:00", "Z"),
        "lastAttemptAt": due.isoformat().replace("+00:00", "Z"),
        "statusCode": 500,
        "error": None,
        "tries": [
            {"at": "2026-01-02T03:04:05Z", "statusCode": None, "error": "url_timeout",
             "milliseconds": 15000, "response": None},
            {"at": "2026-01-02T03:04:15Z", "statusCode": 500, "error": None, "milliseconds": 1.5,
             "response": "<h1>Oh"},
        ],
    }  # fmt: skip
    alone = (await person.call("GET", f"/v1/webhooks/{webhook['id']}/deliveries/{shown['id']}")).json()
    sent = (await person.call("GET", "/v1/events")).json()["items"][0]
    sent.pop("cursor")
    assert alone == shown | {"event": sent}
    assert sent["data"] == {"text": "hello"}


async def test_they_are_listed_by_status_and_page_the_newest_first(database: Database, people: People):
    person = await people()
    events = await happened(database, person, 1, 2, 3, 4)
    webhook, other = await new_webhook(person), await new_webhook(person)
    for event, status in zip(events, ("delivered", "failed", "delivered", "pending"), strict=True):
        await deliver(database, person, webhook, event, status=status)
    await deliver(database, person, other, events[0])
    first = await page(person, webhook, limit="3")
    rest = await page(person, webhook, limit="3", cursor=first["nextCursor"])
    assert [item["sequence"] for item in first["items"] + rest["items"]] == [4, 3, 2, 1]
    assert rest["nextCursor"] is None
    delivered = await page(person, webhook, status="delivered")
    assert [item["sequence"] for item in delivered["items"]] == [3, 1]
    for query in ({"status": "lost"}, {"cursor": first["nextCursor"], "status": "failed"}):
        path = f"/v1/webhooks/{webhook['id']}/deliveries"
        assert (await person.call("GET", path, params=query)).status_code == 422


async def test_a_delivery_is_sent_once_more_with_the_id_of_its_event(database: Database, people: People):
    person, session = await people(), uuid.uuid4()
    [event] = await happened(database, person, 1, session_id=session)
    webhook = await new_webhook(person)
    row = await deliver(database, person, webhook, event, status="failed", status_code=500)
    await postpone(database, webhook)
    path = f"/v1/webhooks/{webhook['id']}/deliveries/{public_id('dlv', row.id)}/replay"
    answer = await person.call("POST", path)
    again = answer.json()
    assert answer.status_code == 202
    assert again["id"] != public_id("dlv", row.id)
    assert (again["eventId"], again["event"]["id"]) == (public_id("evt", event.id),) * 2
    assert (again["status"], again["replay"], again["attempts"], again["tries"]) == ("pending", True, 0, [])
    [new] = [each for each in await rows_of(database, webhook) if each.id != row.id]
    assert (new.xid, new.position, new.session_id) == (int(event.xid), event.position, session)
    assert await is_due(database, webhook)
    assert (await person.call("POST", path)).status_code == 202


async def test_dispatchers_hear_of_it_once_it_is_committed(
    database: Database, people: People, monkeypatch: pytest.MonkeyPatch
):
    person = await people()
    [event] = await happened(database, person, 1)
    webhook = await new_webhook(person)
    row = await deliver(database, person, webhook, event)
    seen: list[int] = []

    async def look(_redis: object) -> None:
        seen.append(len(await rows_of(database, webhook)))

    monkeypatch.setattr("control_plane.webhooks.delivery_controller.wake_dispatchers", look)
    again = f"/v1/webhooks/{webhook['id']}/deliveries/{public_id('dlv', row.id)}/replay"
    await person.call("POST", again)
    await replay(person, webhook)
    await person.call("POST", f"/v1/webhooks/{webhook['id']}/test")
    assert seen == [2, 3, 4]


async def test_the_word_to_dispatchers_is_that_of_new_events(
    replica: Replica, people: People, monkeypatch: pytest.MonkeyPatch
):
    hinted: list[object] = []
    monkeypatch.setattr("control_plane.webhooks.controller.hint", hinted.append)
    person = await people()
    webhook = await new_webhook(person)
    await person.call("PATCH", f"/v1/webhooks/{webhook['id']}", json={"description": "new"})
    await person.call("POST", f"/v1/webhooks/{webhook['id']}/test")
    assert hinted == [replica.parts.redis] * 2


async def test_what_is_no_longer_kept_cannot_be_sent_again(database: Database, people: People):
    person = await people()
    [event] = await happened(database, person, 1)
    webhook = await new_webhook(person)
    row = await deliver(database, person, webhook, event)
    async with database.system(SystemSite.ADMIN) as db:
        await db.execute(delete(LoggedEvent).where(LoggedEvent.id == event.id))
    path = f"/v1/webhooks/{webhook['id']}/deliveries/{public_id('dlv', row.id)}"
    shown = (await person.call("GET", path)).json()
    assert (shown["event"], shown["sequence"]) == (None, None)
    answer = await person.call("POST", f"{path}/replay")
    assert (answer.status_code, answer.json()["code"]) == (410, "event_gone")


async def test_a_ping_stands_in_no_log(database: Database, people: People):
    person = await people()
    webhook = await new_webhook(person, events=["message.ack"])
    await postpone(database, webhook)
    answer = await person.call("POST", f"/v1/webhooks/{webhook['id']}/test")
    ping = answer.json()
    assert (answer.status_code, ping["status"], ping["type"]) == (202, "pending", "webhook.test")
    assert (ping["sequence"], ping["sessionId"], ping["replay"]) == (0, None, False)
    [row] = await rows_of(database, webhook)
    assert (row.event_id, public_id("dlv", row.id)) == (row.id, ping["id"])
    assert await is_due(database, webhook)
    path = f"/v1/webhooks/{webhook['id']}/deliveries/{ping['id']}"
    assert (await person.call("GET", path)).json()["event"] == {
        "id": ping["eventId"],
        "type": "webhook.test",
        "timestamp": ping["createdAt"],
        "sessionId": None,
        "sequence": 0,
        "data": {"webhookId": webhook["id"]},
    }
    again = (await person.call("POST", f"{path}/replay")).json()
    assert (again["type"], again["eventId"], again["replay"]) == ("webhook.test", ping["eventId"], True)
    assert await logged(database, person) == []


async def test_nothing_is_queued_for_a_disabled_endpoint(database: Database, people: People):
    person = await people()
    [event] = await happened(database, person, 1)
    webhook = await new_webhook(person)
    row = await deliver(database, person, webhook, event)
    base = f"/v1/webhooks/{webhook['id']}"
    await person.call("PATCH", base, json={"enabled": False})
    for path, body in [
        ("test", None),
        ("replay", {"since": AGO}),
        (f"deliveries/{public_id('dlv', row.id)}/replay", None),
    ]:
        answer = await person.call("POST", f"{base}/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "webhook_disabled"), path
    assert len(await rows_of(database, webhook)) == 1


async def test_deliveries_of_others_look_like_ones_that_do_not_exist(database: Database, people: People):
    person, stranger = await people(), await people()
    [event] = await happened(database, person, 1)
    webhook, own, theirs = (
        await new_webhook(person),
        await new_webhook(person),
        await new_webhook(stranger),
    )
    delivery = public_id("dlv", (await deliver(database, person, webhook, event)).id)
    key = (await person.new_key(mode="test"))["key"]
    for caller, of, bearer in [
        (stranger, webhook, None),
        (stranger, theirs, None),
        (person, own, None),
        (person, webhook, key),
    ]:
        base = f"/v1/webhooks/{of['id']}/deliveries/{delivery}"
        for method, path in (("GET", base), ("POST", f"{base}/replay")):
            assert (await caller.call(method, path, bearer=bearer)).status_code == 404
    for path, body in (("test", None), ("replay", {"since": AGO}), ("deliveries/dlv-1/replay", None)):
        answer = await stranger.call("POST", f"/v1/webhooks/{webhook['id']}/{path}", json=body)
        assert answer.status_code == 404
    assert (await stranger.call("GET", f"/v1/webhooks/{webhook['id']}/deliveries")).status_code == 404
    assert len(await rows_of(database, webhook)) == 1


async def test_they_go_with_their_endpoint(database: Database, people: People):
    person = await people()
    [event] = await happened(database, person, 1)
    webhook = await new_webhook(person)
    await deliver(database, person, webhook, event)
    assert (await person.call("DELETE", f"/v1/webhooks/{webhook['id']}")).status_code == 204
    assert await rows_of(database, webhook) == []
