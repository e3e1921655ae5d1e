"""Deliveries as their owner sees them, and events that are sent once more: by id, by time, or as a test."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update

from control_plane.db.engine import Database, SystemSite
from control_plane.events.models import LoggedEvent
from control_plane.webhooks import deliveries as asked
from control_plane.webhooks.models import Webhook, WebhookDelivery
from shared.ids import parse_public_id, public_id
from tests.event_log import all_shown
from tests.event_stream import happen, tenant_of
from tests.factories import People, Person
from tests.replica import Replica
from tests.waiting import until
from tests.webhooks import URL, new_webhook, pointers

AGO = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


def id_of(webhook: dict[str, Any]) -> uuid.UUID:
    identity = parse_public_id("whk", webhook["id"])
    assert identity is not None
    return identity


async def logged(database: Database, person: Person) -> list[LoggedEvent]:
    """In the order of the log."""
    query = select(LoggedEvent).where(LoggedEvent.user_id == tenant_of(person))
    async with database.system(SystemSite.ADMIN) as db:
        return list(await db.scalars(query.order_by(LoggedEvent.xid, LoggedEvent.position)))


async def rows_of(database: Database, webhook: dict[str, Any]) -> list[WebhookDelivery]:
    """As they are due."""
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == id_of(webhook))
    async with database.system(SystemSite.ADMIN) as db:
        return list(await db.scalars(query.order_by(WebhookDelivery.due_at)))


async def deliver(
    database: Database, person: Person, webhook: dict[str, Any], event: LoggedEvent, **values: Any
) -> WebhookDelivery:
    """As a dispatcher writes it."""
    row = WebhookDelivery(
        user_id=tenant_of(person),
        webhook_id=id_of(webhook),
        event_id=event.id,
        xid=int(event.xid),
        position=event.position,
        session_id=event.session_id,
        type=event.type,
        **{"status": "delivered", "attempts": 1, **values},
    )
    async with database.system(SystemSite.ADMIN) as db:
        db.add(row)
    return row


async def happened(database: Database, person: Person, *numbers: int, **fields: Any) -> list[LoggedEvent]:
    """Events that an endpoint that is made afterwards has come by."""
    await happen(database, person, *numbers, **fields)
    await all_shown(database)
    return await logged(database, person)


async def replay(person: Person, webhook: dict[str, Any], **body: Any) -> Any:
    return await person.call("POST", f"/v1/webhooks/{webhook['id']}/replay", json={"since": AGO, **body})


async def page(person: Person, webhook: dict[str, Any], **query: str) -> dict[str, Any]:
    answer = await person.call("GET", f"/v1/webhooks/{webhook['id']}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


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


async def postpone(database: Database, webhook: dict[str, Any]) -> None:
    """As a dispatcher that has nothing to do."""
    async with database.system(SystemSite.ADMIN) as db:
        later = datetime.now(UTC) + timedelta(days=1)
        await db.execute(update(Webhook).where(Webhook.id == id_of(webhook)).values(due_at=later))


async def is_due(database: Database, webhook: dict[str, Any]) -> bool:
    async with database.system(SystemSite.ADMIN) as db:
        due = await db.scalar(select(Webhook.due_at).where(Webhook.id == id_of(webhook)))
    return due is not None and due <= datetime.now(UTC)
