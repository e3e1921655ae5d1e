"""One message to many: in order, each to whom it is for, once, and stopped at once when its owner says so."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control_plane.messages.broadcasts import feeding as feeding_module
from control_plane.messages.broadcasts import progress
from control_plane.messages.queue.repository import OutboundQueue
from control_plane.tiers.service import QuotaRoom
from shared.contracts.commands import CommandAnswer, Outcome
from shared.session_state import Reason, SessionState
from tests.fleet_client import CONNECTED, Fleet, seen
from tests.integration.broadcasting import (
    BROADCASTS,
    Desk,
    a_desk,  # noqa: F401 (a fixture, as the next one)
    broadcast_settings,  # noqa: F401
    feeder,
    number,
    people,
)
from tests.integration.queueing import senders
from tests.waiting import until

HIDDEN = "77000111222333@lid"
RECONNECTING = seen(SessionState.RECONNECTING, Reason.CONNECTION_LOST)


@pytest.fixture
async def background(fleet: Fleet) -> AsyncIterator[None]:
    async with senders(fleet), feeder(fleet):
        yield


async def test_each_gets_their_own_words_in_the_order_of_the_list(desk: Desk, background: None):
    broadcast = await desk.made(12, text="Hi {{name}}, {{ name }}! {{ }}", name="spring")
    found = await desk.becomes(broadcast, status="done")
    assert desk.shop.script.texts == [f"Hi P{place}, P{place}! {{{{ }}}}" for place in range(12)]
    assert [wish.recipient for wish in desk.shop.script.sends] == [
        f"{number(place)[1:]}@s.whatsapp.net" for place in range(12)
    ]
    assert found["counts"] == {
        "total": 12,
        "waiting": 0,
        "sent": 12,
        **dict.fromkeys(("delivered", "read", "failed", "uncertain", "cancelled", "skipped"), 0),
    }
    assert (found["name"], bool(found["startedAt"]), bool(found["finishedAt"])) == ("spring", True, True)
    first = await desk.recipients(broadcast, "limit=7")
    rest = await desk.recipients(broadcast, f"limit=7&cursor={first['nextCursor']}")
    rows = first["items"] + rest["items"]
    assert [row["position"] for row in rows] == list(range(12))
    message = await desk.shop.message(rows[3]["messageId"])
    assert (message["broadcastId"], message["text"]) == (broadcast, "Hi P3, P3! {{ }}")
    usage = (await desk.person.call("GET", "/v1/users/me/usage")).json()["usage"]
    assert usage["messagesToday"]["used"] == 12
    last = await desk.told("broadcast.progress", status="done")
    assert (last["broadcastId"], last["counts"]["sent"]) == (broadcast, 12)
    page = (await desk.person.call("GET", BROADCASTS)).json()["items"]
    assert [one["id"] for one in page] == [broadcast]


async def test_a_value_that_looks_like_a_variable_is_no_variable(desk: Desk, background: None):
    recipient = {"to": number(1), "variables": {"a": "{{b}}", "b": "no"}}
    await desk.becomes(await desk.made([recipient], text="{{a}}"), status="done")
    assert desk.shop.script.texts == ["{{b}}"]


async def test_only_a_few_are_in_the_queue_and_answers_overtake_them(desk: Desk, fleet: Fleet):
    desk.shop.script.may_answer.clear()
    async with senders(fleet), feeder(fleet):
        broadcast = await desk.made(30)
        await desk.shop.script.arrived.wait()

        async def fed() -> bool:
            queue = await desk.shop.queue()
            return bool(queue["waiting"] + queue["sending"] == 5)

        await until(fed)
        (answer,) = await desk.shop.queued("now", priority="reply")
        desk.shop.script.may_answer.set()
        await desk.shop.becomes(answer, "sent")
        assert desk.shop.script.texts.index("now") == 1
        await desk.becomes(broadcast, status="done", sent=30)


async def test_a_pause_and_a_cancellation_bite_at_once(desk: Desk, fleet: Fleet):
    script = desk.shop.script
    script.may_answer.clear()
    async with senders(fleet), feeder(fleet):
        broadcast = await desk.made(30)
        await script.arrived.wait()
        paused = await desk.does(broadcast, "pause")
        assert (paused["status"], paused["statusReason"]) == ("paused", "paused by its owner")
        assert (await desk.shop.queue())["waiting"] == 0
        script.may_answer.set()
        await desk.becomes(broadcast, sent=1)
        (between,) = await desk.shop.queued("between", priority="bulk")
        await desk.shop.becomes(between, "sent")
        assert script.texts == ["Hi P0", "between"]
        usage = (await desk.person.call("GET", "/v1/users/me/usage")).json()["usage"]
        assert usage["messagesToday"]["used"] == 2
        script.may_answer.clear()
        script.arrived.clear()
        assert (await desk.does(broadcast, "resume"))["status"] == "running"
        await script.arrived.wait()
        cancelled = await desk.does(broadcast, "cancel")
        script.may_answer.set()
        assert (cancelled["status"], cancelled["counts"]["cancelled"]) == ("cancelled", 28)
        found = await desk.becomes(broadcast, sent=2, cancelled=28)
    assert found["status"] == "cancelled"
    assert script.texts == ["Hi P0", "between", "Hi P1"]
    assert (await desk.does(broadcast, "cancel"))["status"] == "cancelled"
    for what in ("pause", "resume"):
        assert (await desk.does(broadcast, what, 409))["code"] == "broadcast_not_changeable"


@pytest.mark.parametrize("what", ["pause", "cancel"])
async def test_what_was_being_sent_when_it_was_stopped_and_did_not_leave_is_taken_back(
    desk: Desk, fleet: Fleet, what: str
):
    script = desk.shop.script
    script.answers.append(CommandAnswer(outcome=Outcome.NOT_CONNECTED))
    script.may_answer.clear()
    async with senders(fleet), feeder(fleet):
        broadcast = await desk.made(3)
        await script.arrived.wait()
        await desk.does(broadcast, what)
        script.may_answer.set()
        await desk.becomes(broadcast, **{"waiting": 3} if what == "pause" else {"cancelled": 3})

        async def taken_back() -> bool:
            return bool((await desk.shop.queue())["waiting"] == 0)

        await until(taken_back)
        await desk.shop.tell(CONNECTED)
        assert (await desk.shop.send("after it")).status_code == 201
        assert script.texts == ["after it"]
        usage = (await desk.person.call("GET", "/v1/users/me/usage")).json()["usage"]
        assert usage["messagesToday"]["used"] == 1
        if what == "pause":
            await desk.does(broadcast, "resume")
            await desk.becomes(broadcast, status="done", sent=3)


@pytest.mark.parametrize("breaks", ["reserve_places", "take_messages", "_message", "row", "follow"])
async def test_a_feeder_that_dies_between_two_steps_sends_nobody_twice_and_forgets_nobody(
    desk: Desk, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, breaks: str
):
    where: dict[str, tuple[Any, str]] = {
        "reserve_places": (OutboundQueue, "reserve_places"),
        "take_messages": (QuotaRoom, "take_messages"),
        "_message": (feeding_module, "_message"),
        "row": (feeding_module, "append"),
        "follow": (progress, "follow"),
    }
    owner, name = where[breaks]
    works, calls = getattr(owner, name), []

    async def dies(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        done = await works(*arguments, **named)
        if len(calls) in {1, 3}:
            raise ConnectionError("planted")
        return done

    broadcast = await desk.made(9)
    monkeypatch.setattr(owner, name, dies)
    monkeypatch.setattr("control_plane.db.claim_loop._LONGEST_BACK_OFF", timedelta(seconds=0.05))
    async with senders(fleet), feeder(fleet):
        await desk.becomes(broadcast, status="done", sent=9)
    assert len(calls) > 3
    assert desk.shop.script.texts == [f"Hi P{place}" for place in range(9)]
    usage = (await desk.person.call("GET", "/v1/users/me/usage")).json()["usage"]
    assert usage["messagesToday"]["used"] == 9


async def test_two_feeders_feed_each_once(desk: Desk, fleet: Fleet):
    async with senders(fleet), feeder(fleet), feeder(fleet):
        broadcast = await desk.made(25)
        await desk.becomes(broadcast, status="done", sent=25)
    assert desk.shop.script.texts == [f"Hi P{place}" for place in range(25)]


async def test_where_the_tier_ends_it_pauses_says_why_and_goes_on_by_itself(
    desk: Desk, fleet: Fleet, background: None
):
    limits = {"sessions": 20, "requestsPerMinute": 100_000}
    await fleet.people.change(desk.person, limit_overrides={**limits, "messagesPerDay": 7})
    broadcast = await desk.made(10)
    found = await desk.becomes(broadcast, status="paused", sent=7)
    assert found["statusReason"] == "the account has sent all the messages that it may in this day"
    assert await desk.told("quota.reached") == {"resource": "messages", "period": "day", "limit": 7}
    await fleet.people.change(desk.person, limit_overrides={**limits, "messagesPerDay": 20})
    await desk.becomes(broadcast, status="done", sent=10)
    assert len(desk.shop.script.texts) == 10


async def test_without_its_session_it_waits_and_nothing_grows_old_in_the_queue(desk: Desk, background: None):
    await desk.shop.tell(RECONNECTING)
    broadcast = await desk.made(3)
    found = await desk.becomes(broadcast, statusReason="the session is reconnecting")
    assert (found["status"], (await desk.shop.queue())["waiting"]) == ("running", 0)
    await desk.shop.tell(CONNECTED)
    await desk.becomes(broadcast, status="done", sent=3)
    await desk.person.call("POST", "/v1/sessions/shop/queue/pause")
    held = await desk.made(3)
    found = await desk.becomes(held, statusReason="the queue of the session is paused: paused by its owner")
    assert (found["status"], found["counts"]["waiting"]) == ("running", 3)
    await desk.person.call("POST", "/v1/sessions/shop/queue/resume")
    await desk.becomes(held, status="done", sent=3)


async def test_a_planned_one_begins_at_its_time_and_what_is_over_does_not_go_out(
    desk: Desk, background: None
):
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    broadcast = await desk.made(2, sendAt=soon.isoformat())
    assert (await desk.one(broadcast))["status"] == "scheduled"
    held = await desk.made(2, sendAt=soon.isoformat())
    await desk.does(held, "pause")
    assert (await desk.does(held, "resume"))["status"] == "scheduled"
    await desk.does(held, "cancel")
    await desk.becomes(broadcast, status="done", sent=2)
    assert datetime.now(UTC) >= soon
    late = await desk.made(3, expiresIn=1)
    await desk.does(late, "pause")
    await desk.shop.sql("UPDATE broadcasts SET expires_at = now() WHERE id = CAST(:b AS uuid)", b=late[4:])
    await desk.does(late, "resume")
    await desk.becomes(late, status="done", failed=3 - (await desk.one(late))["counts"]["sent"])
    (first, *_) = (await desk.recipients(late, "status=failed"))["items"]
    assert first["error"].startswith("expired")


async def test_each_broadcast_keeps_its_own_pace(desk: Desk, background: None):
    slow = await desk.made(2, perMinute=1)
    await desk.becomes(slow, sent=1)
    (moment,) = await desk.values("SELECT bulk_at FROM outboxes")
    assert moment > datetime.now(UTC) + timedelta(seconds=30)
    assert (await desk.one(slow))["counts"]["waiting"] == 1


async def test_numbers_that_nobody_has_are_told_of_each(desk: Desk, background: None):
    desk.shop.script.answers.append(CommandAnswer(outcome=Outcome.REFUSED, words="nobody has this number"))
    broadcast = await desk.made(2)
    await desk.becomes(broadcast, status="done", sent=1, failed=1)
    (failed,) = (await desk.recipients(broadcast, "status=failed"))["items"]
    assert (failed["position"], failed["error"]) == (0, "nobody has this number")


async def test_who_is_named_twice_gets_one_message(desk: Desk, background: None):
    await desk.hears("hello", chat=HIDDEN, sender=HIDDEN, chat_phone=number(1), chat_lid=HIDDEN)
    digits = number(1)[1:]
    given = [
        {"to": to, "variables": {"name": str(place)}}
        for place, to in enumerate((number(1), number(2), f"{digits}@c.us", HIDDEN, number(2)))
    ]
    answer = await desk.post(given)
    body = answer.json()
    assert (answer.status_code, body["counts"]["total"], body["mergedCount"]) == (201, 2, 3), body
    assert body["merged"] == [
        {"position": 2, "sameAs": 0},
        {"position": 3, "sameAs": 0},
        {"position": 4, "sameAs": 1},
    ]
    await desk.becomes(body["id"], status="done", sent=2)
    assert desk.shop.script.texts == ["Hi 0", "Hi 1"]


async def test_what_makes_no_sense_is_refused_before_anything_is_stored(desk: Desk):
    many = people(200)
    del many[17]["variables"]["name"]
    assert await desk.refused(many) == ["/recipients/17/variables/name"]
    for one in many:
        one["to"] = "nobody"
    assert (
        await desk.refused(many)
        == [
            pointer
            for place in range(101)
            for pointer in (f"/recipients/{place}/to", f"/recipients/{place}/variables/name")
            if place == 17 or pointer.endswith("/to")
        ][:100]
    )
    assert await desk.refused([]) == ["/recipients"]
    assert await desk.refused(people(10_001)) == ["/recipients"]
    assert await desk.refused([{"to": number(1), "variables": {"name": 7}}]) == ["/recipients/0/variables"]
    long = {"name": "x" * 1_000}
    assert await desk.refused([{"to": number(1), "variables": long}], text="{{name}}" * 70) == [
        "/recipients/0/variables"
    ]
    assert await desk.refused([{"to": number(1), "variables": {"name": ""}}], text="{{name}}") == [
        "/recipients/0/variables"
    ]
    assert await desk.refused(1, perMinute=100_000) == ["/perMinute"]
    assert await desk.refused(1, sendAt="2026-12-24T18:00:00") == ["/sendAt"]
    for message, pointer in (
        ({"to": number(1), "text": "x"}, "/message/to"),
        ({"text": "x", "replyTo": "msg-1"}, "/message/replyTo"),
        ({"text": ""}, "/message/text"),
        ({"type": "telegram"}, "/message/type"),
        ({"type": "reaction", "reaction": {"messageId": "x"}}, "/message/type"),
        ({"type": "contact"}, "/message/contact"),
        ({"type": "image", "media": {}}, "/message/media"),
        ({"type": "poll", "poll": {"question": "q", "options": ["a", "a"]}}, "/message/poll/options"),
    ):
        assert await desk.refused(1, message=message) == [pointer], message
    nul = await desk.post([{"to": number(1), "variables": {"name": "a\0b"}}])
    assert (nul.status_code, nul.json()["code"]) == (422, "validation_failed")
    assert (await desk.person.call("GET", BROADCASTS)).json()["items"] == []


async def test_a_call_that_is_repeated_makes_no_second_one(desk: Desk):
    body = {"message": {"text": "x"}, "recipients": people(2)}
    key = {"Idempotency-Key": "spring"}
    answers = [await desk.person.call("POST", BROADCASTS, json=body, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len((await desk.person.call("GET", BROADCASTS)).json()["items"]) == 1


async def test_a_session_has_so_many_broadcasts_and_no_more(desk: Desk):
    planned = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for _ in range(50):
        last = await desk.made(1, sendAt=planned)
    refused = await desk.post(1, sendAt=planned)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_broadcasts")
    await desk.does(last, "cancel")
    await desk.made(1, sendAt=planned)


async def test_a_session_that_has_to_be_connected_by_its_owner_takes_only_planned_ones(desk: Desk):
    await desk.shop.tell(seen(SessionState.LOGGED_OUT, Reason.LOGGED_OUT_BY_USER))
    refused = await desk.post(1)
    assert (refused.status_code, refused.json()["code"]) == (409, "session_not_connected")
    await desk.made(1, sendAt=(datetime.now(UTC) + timedelta(hours=1)).isoformat())


async def test_ten_thousand_are_taken_and_counted(desk: Desk):
    broadcast = await desk.made(10_000, sendAt=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert (await desk.one(broadcast))["counts"]["total"] == 10_000
    assert (await desk.does(broadcast, "cancel"))["counts"]["cancelled"] == 10_000
