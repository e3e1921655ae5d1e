"""What an owner does with the queue of a session: plans, lanes, pauses, and what is taken back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control_plane.messages.queue.outboxes import Outboxes
from shared.contracts.commands import CommandAnswer, Outcome, TypingWish
from tests.fleet_client import CONNECTED, Fleet, shown
from tests.integration.queueing import (
    ASYNC,
    LOGGED_OUT,
    RECONNECTING,
    Shop,
    background,
    fleet_settings,
    send_wait,
    shop,
)
from tests.waiting import until

__all__ = ["background", "fleet_settings", "send_wait", "shop"]


async def test_cancelled_messages_do_not_go_out(shop: Shop):
    shop.script.may_answer.clear()
    first, second, third = await shop.queued("1", "2", "3")
    await shop.script.arrived.wait()
    cancelled = await shop.person.call("POST", f"/v1/messages/{second}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    refused = await shop.person.call("POST", f"/v1/messages/{first}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "message_not_changeable")
    shop.script.may_answer.set()
    await shop.becomes(third, "sent")
    assert shop.script.texts == ["1", "3"]
    again = await shop.person.call("POST", f"/v1/messages/{second}/resend")
    assert (again.status_code, again.json()["status"]) == (201, "sent")
    assert (await shop.person.call("POST", f"/v1/messages/{first}/resend")).status_code == 409


async def test_what_waits_too_long_fails_and_is_given_back_to_the_quota(shop: Shop, background: Outboxes):
    await shop.tell(RECONNECTING)
    (message_id,) = await shop.queued("1", expiresIn=1)
    found = await shop.becomes(message_id, "failed")
    assert found["error"].startswith("expired")
    usage = (await shop.person.call("GET", "/v1/users/me/usage")).json()["usage"]
    assert usage["messagesToday"]["used"] == 0
    assert [event["data"]["id"] for event in await shop.events("message.failed")] == [message_id]
    await shop.tell(CONNECTED)
    assert (await shop.send("2")).status_code == 201
    assert shop.script.texts == ["2"]


async def test_planned_messages_go_out_when_their_time_has_come(shop: Shop, background: Outboxes):
    soon = datetime.now(UTC) + timedelta(seconds=2)
    planned = await shop.send("later", sendAt=soon.isoformat())
    assert (planned.status_code, planned.json()["status"]) == (202, "scheduled")
    taken_back = await shop.send("never", sendAt=soon.isoformat())
    await shop.person.call("POST", f"/v1/messages/{taken_back.json()['id']}/cancel")
    assert (await shop.send("now")).status_code == 201
    await shop.becomes(planned.json()["id"], "sent")
    sent = await shop.message(planned.json()["id"])
    assert datetime.fromisoformat(sent["sentAt"]) >= soon
    assert sorted(shop.script.texts) == ["later", "now"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"sendAt": "2026-12-24T18:00:00"}, "/sendAt"),
        ({"sendAt": "tomorrow"}, "/sendAt"),
        ({"sendAt": (datetime.now(UTC) + timedelta(days=40)).isoformat()}, "/sendAt"),
        ({"expiresIn": 0}, "/expiresIn"),
        ({"expiresIn": 10**9}, "/expiresIn"),
        ({"priority": "urgent"}, "/priority"),
        ({"typingSeconds": 21}, "/typingSeconds"),
    ],
)
async def test_plans_that_make_no_sense_are_told(shop: Shop, body: dict[str, Any], pointer: str):
    refused = await shop.send(**body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), refused.text
    assert shop.script.sends == []


async def test_answers_overtake_what_is_normal_and_that_overtakes_bulk(shop: Shop, background: Outboxes):
    shop.script.may_answer.clear()
    await shop.queued("first")
    await shop.script.arrived.wait()
    for text, priority in (("bulk", "bulk"), ("normal", "normal"), ("reply", "reply"), ("more", "normal")):
        await shop.queued(text, priority=priority)
    shop.script.may_answer.set()
    (last,) = await shop.queued("last", priority="bulk")
    await shop.becomes(last, "sent")
    assert shop.script.texts == ["first", "reply", "normal", "more", "bulk", "last"]


async def test_a_network_that_wants_less_pauses_the_queue_and_the_owner_sees_why(shop: Shop):
    shop.script.answers.append(CommandAnswer(outcome=Outcome.LIMITED, words="server returned error 429"))
    await shop.queued("1", "2")

    async def paused() -> bool:
        return (await shop.queue())["pausedUntil"] is not None

    await until(paused)
    queue = await shop.queue()
    assert (queue["waiting"], queue["reason"]) == (2, "server returned error 429")
    told = await shop.events("queue.paused")
    assert told[0]["data"]["reason"] == "server returned error 429"
    assert len(shop.script.sends) == 1
    assert (await shop.send("3", headers=ASYNC)).status_code == 202
    assert len(shop.script.sends) == 1


async def test_whoever_sends_leaves_out_what_is_over(shop: Shop):
    """Also where nobody has looked for such messages yet."""
    shop.script.may_answer.clear()
    first, second, third = await shop.queued("1", "2", "3")
    await shop.script.arrived.wait()
    await shop.sql(
        "UPDATE messages SET expires_at = clock_timestamp() - interval '1 s' WHERE id = CAST(:id AS uuid)",
        id=second.removeprefix("msg-"),
    )
    shop.script.may_answer.set()
    await shop.becomes(third, "sent")
    statuses = [(await shop.message(one))["status"] for one in (first, second, third)]
    assert statuses == ["sent", "failed", "sent"]
    assert len(shop.script.sends) == 2


async def test_each_pause_in_a_row_is_longer_until_something_is_taken(shop: Shop, background: Outboxes):
    async def pause_of(attempt: int) -> float:
        """In seconds; its time has come afterwards."""

        async def paused() -> bool:
            return len(shop.script.sends) == attempt and (await shop.queue())["pausedUntil"] is not None

        await until(paused)
        end = datetime.fromisoformat((await shop.queue())["pausedUntil"])
        await shop.sql("UPDATE outboxes SET paused_until = NULL, due_at = clock_timestamp()")
        return (end - datetime.now(UTC)).total_seconds()

    less = CommandAnswer(outcome=Outcome.LIMITED, words="server returned error 429")
    shop.script.answers.extend([less, less])
    (first,) = await shop.queued("1")
    shortest, longer = await pause_of(1), await pause_of(2)
    assert longer > 1.5 * shortest
    await shop.becomes(first, "sent")
    shop.script.answers.append(less)
    await shop.queued("2")
    assert await pause_of(4) < 1.5 * shortest


async def test_an_owner_holds_a_queue_back_and_lets_it_go(shop: Shop, background: Outboxes):
    paused = await shop.person.call("POST", "/v1/sessions/shop/queue/pause")
    assert (paused.status_code, paused.json()["reason"]) == (200, "paused by its owner")
    (message_id,) = await shop.queued("1")
    assert (await shop.queue())["waiting"] == 1
    assert shop.script.sends == []
    assert (await shop.person.call("POST", "/v1/sessions/shop/queue/resume")).status_code == 200
    await shop.becomes(message_id, "sent")


async def test_a_chat_shows_that_somebody_types_before_the_message_comes(shop: Shop):
    assert (await shop.send("1", typingSeconds=1)).status_code == 201
    kinds = [type(wish).__name__ for wish in shop.script.wishes]
    assert kinds == ["TypingWish", "SendWish"]
    assert isinstance(shop.script.wishes[0], TypingWish)


async def test_a_session_that_has_to_be_connected_by_its_owner_takes_nothing(shop: Shop):
    await shop.tell(LOGGED_OUT)
    assert await shown(shop.person, "shop") == ("logged_out", "logged_out_by_user")
    refused = await shop.send()
    assert (refused.status_code, refused.json()["code"]) == (409, "session_not_connected")
    assert refused.json()["detail"] == "Client not found. Please reconnect the session."
    planned = await shop.send(sendAt=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert planned.status_code == 202


async def test_a_queue_is_nobody_elses_business(shop: Shop, fleet: Fleet):
    (message_id,) = await shop.queued("1")
    stranger = await fleet.owner()
    for method, path in (
        ("GET", f"/v1/sessions/{shop.session}/queue"),
        ("POST", f"/v1/sessions/{shop.session}/queue/pause"),
        ("POST", f"/v1/sessions/{shop.session}/queue/resume"),
        ("POST", f"/v1/messages/{message_id}/cancel"),
        ("POST", f"/v1/messages/{message_id}/resend"),
    ):
        assert (await stranger.call(method, path)).status_code == 404, path
