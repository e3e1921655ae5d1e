"""The queue of a session: what was accepted goes out once, in order, whatever happens in between."""

import asyncio

import pytest

from control_plane.messages.queue.late_results import LateResults
from control_plane.messages.queue.outboxes import Outboxes, sender_of
from shared.contracts.commands import AttemptState, CommandAnswer, Outcome
from tests.fleet_client import CONNECTED, Fleet, bare, text
from tests.integration.queueing import (
    ANNA,
    ASYNC,
    RECONNECTING,
    Shop,
    background,
    fleet_settings,
    send_wait,
    shop,
)
from tests.integration.receiving import receipt
from tests.scripted_worker import Broken
from tests.waiting import until

ANNA_CHAT = f"{ANNA.lstrip('+')}@s.whatsapp.net"

__all__ = ["background", "fleet_settings", "send_wait", "shop"]


def late_results(fleet: Fleet) -> LateResults:
    parts = fleet.replica.parts
    clients = (parts.redis, parts.worker_client, parts.handing_over)
    return LateResults(sender_of(parts.settings, parts.database, *clients))


async def test_what_is_accepted_at_once_goes_out_in_the_order_in_which_it_was(shop: Shop):
    shop.script.may_answer.clear()
    ids = await shop.queued(*(str(number) for number in range(20)))
    shop.script.may_answer.set()
    await shop.becomes(ids[-1], "sent")
    assert shop.script.texts == [str(number) for number in range(20)]
    assert {(await shop.message(one))["status"] for one in ids} == {"sent"}


async def test_one_message_of_a_session_is_in_flight_at_a_time_and_callers_wait_for_theirs(shop: Shop):
    shop.script.may_answer.clear()
    calls = [asyncio.create_task(shop.send(str(number))) for number in range(8)]
    await shop.script.arrived.wait()

    async def all_accepted() -> bool:
        return bool((await shop.queue())["waiting"] == 7)

    await until(all_accepted)
    assert len(shop.script.sends) == 1
    assert (await shop.queue())["sending"] == 1
    shop.script.may_answer.set()
    answers = [await call for call in calls]
    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.json()["whatsappMessageId"] for answer in answers}) == 8
    assert len(shop.script.sends) == 8


async def test_what_waits_for_its_session_goes_out_when_it_is_back(shop: Shop, background: Outboxes):
    await shop.tell(RECONNECTING)
    ids = await shop.queued("1", "2")
    waiting = asyncio.create_task(shop.send("3"))

    async def all_wait() -> bool:
        return bool((await shop.queue())["waiting"] == 3)

    await until(all_wait)
    assert (await shop.queue())["reason"] == "the session is reconnecting"
    assert shop.script.sends == []
    await shop.tell(CONNECTED)
    assert (await waiting).status_code == 201
    assert shop.script.texts == ["1", "2", "3"]
    assert (await shop.message(ids[0]))["status"] == "sent"


@pytest.mark.parametrize("send_wait", ["0.5"])
async def test_who_waits_for_too_long_is_told_that_it_is_queued(shop: Shop):
    shop.script.may_answer.clear()
    first = asyncio.create_task(shop.send("1"))
    await shop.script.arrived.wait()
    answer = await shop.send("2")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    shop.script.may_answer.set()
    assert (await first).status_code in {201, 202}
    await shop.becomes(answer.json()["id"], "sent")


async def test_what_moved_meanwhile_is_sent_by_its_new_worker(shop: Shop, background: Outboxes):
    shop.script.answers += [CommandAnswer(outcome=Outcome.NOT_HERE)] * 3
    answer = await shop.send("1")
    assert (answer.status_code, answer.json()["status"]) == (201, "sent")
    assert [wish.attempt for wish in shop.script.sends] == [1, 2, 3, 4]


async def test_a_lost_answer_is_asked_for_and_nothing_is_sent_twice(shop: Shop):
    shop.script.answers.append(Broken(outcome=Outcome.DONE, state=AttemptState.ENDED))
    answer = await shop.send("1")
    assert (answer.status_code, answer.json()["status"]) == (201, "sent")
    assert answer.json()["whatsappMessageId"].startswith("3EBL")
    assert len(shop.script.sends) == 1


async def test_what_the_journal_has_not_begun_is_sent_again(shop: Shop):
    shop.script.answers.append(Broken(outcome=Outcome.DONE, state=AttemptState.NEVER))
    assert (await shop.send("1")).status_code == 201
    assert [wish.attempt for wish in shop.script.sends] == [1, 2]


async def test_an_open_attempt_is_uncertain_and_never_sent_again_by_itself(shop: Shop):
    shop.script.answers.append(Broken(outcome=Outcome.DONE, state=AttemptState.OPEN))
    answer = await shop.send("1")
    assert (answer.status_code, answer.json()["status"]) == (202, "uncertain")
    assert (await shop.send("2")).status_code == 201
    assert await late_results(shop.fleet).run() == 0
    assert len(shop.script.sends) == 2
    assert [event["data"]["id"] for event in await shop.events("message.uncertain")] == [answer.json()["id"]]
    again = await shop.person.call("POST", f"/v1/messages/{answer.json()['id']}/resend")
    assert (again.status_code, again.json()["status"]) == (201, "sent")
    assert shop.script.sends[-1].attempt == 2


async def test_a_worker_that_is_away_holds_its_session_up_for_a_moment_and_is_asked_when_it_is_back(
    shop: Shop, background: Outboxes
):
    away = [True]
    shop.script.answers.append(Broken(outcome=Outcome.DONE, state=AttemptState.ENDED))
    shop.script.away = lambda: away[0] and bool(shop.script.sends)
    first, second = await shop.queued("1", "2")
    found = await shop.becomes(first, "uncertain")
    assert found["error"] == "its worker did not come back to tell whether it was sent"
    assert await late_results(shop.fleet).run() == 0
    away[0] = False
    assert await late_results(shop.fleet).run() == 1
    assert (await shop.message(first))["status"] == "sent"
    await shop.becomes(second, "sent")
    assert len([event for event in await shop.events("message.sent") if event["data"]["id"] == first]) == 1


async def test_a_process_that_dies_leaves_its_message_to_the_next_one(shop: Shop, background: Outboxes):
    """Its row says that it is being sent, and its claim ends by itself."""
    shop.script.may_answer.clear()
    (message_id,) = await shop.queued("1")
    await shop.script.arrived.wait()
    for task in list(shop.fleet.replica.parts.outboxes.loop._running):  # as a kill would
        task.cancel()
    identity = message_id.removeprefix("msg-")
    session = bare(shop.session)
    await shop.sql(
        "UPDATE outboxes SET claim_token = gen_random_uuid(), claimed_until = now()"
        " - interval '1 second', due_at = now() WHERE id = CAST(:s AS uuid)",
        s=session,
    )
    shop.script.unknown = AttemptState.RUNNING

    async def asked() -> bool:
        return f"{identity}" in shop.script.asked

    await until(asked)
    shop.script.may_answer.set()
    await shop.becomes(message_id, "sent")
    assert len(shop.script.sends) == 1


async def test_an_outcome_that_comes_late_is_taken_though_another_holds_the_outbox(shop: Shop):
    shop.script.may_answer.clear()
    (message_id,) = await shop.queued("1")
    await shop.script.arrived.wait()
    await shop.sql(
        "UPDATE outboxes SET claim_token = gen_random_uuid() WHERE id = CAST(:s AS uuid)",
        s=bare(shop.session),
    )
    shop.script.may_answer.set()
    await shop.becomes(message_id, "sent")


async def test_a_call_that_died_is_repeated_with_its_key_and_makes_no_second_message(shop: Shop):
    key = {"Idempotency-Key": "order-17", **ASYNC}
    first = await shop.send("1", headers=key)
    await shop.becomes(first.json()["id"], "sent")
    # As if the process had died after the message was stored and before its answer was.
    await shop.sql(
        "UPDATE idempotency_keys SET status = NULL, body = NULL, headers = NULL,"
        " claimed_until = now() - interval '1 second' WHERE key = 'order-17'"
    )
    again = await shop.send("1", headers=key)
    assert again.json()["id"] == first.json()["id"]
    assert len(shop.script.sends) == 1


async def test_what_failed_while_its_caller_waited_may_be_tried_with_the_same_key(shop: Shop):
    shop.script.answers.append(CommandAnswer(outcome=Outcome.REFUSED, words="nobody has this number"))
    key = {"Idempotency-Key": "order-18"}
    assert (await shop.send("1", headers=key)).status_code == 422
    assert (await shop.send("1", headers=key)).status_code == 201
    assert len(shop.script.sends) == 2


async def test_many_calls_with_one_key_make_one_message(shop: Shop):
    key = {"Idempotency-Key": "order-19"}
    answers = await asyncio.gather(*(shop.send("1", headers=key) for _ in range(200)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(shop.script.sends) == 1


async def test_a_receipt_that_overtakes_its_answer_counts(shop: Shop):
    """Also on the short way, of a message to somebody who is known."""
    await shop.send("1")
    shop.script.may_answer.clear()
    shop.script.arrived.clear()
    (message_id,) = await shop.queued("2")
    await shop.script.arrived.wait()
    whatsapp_id = f"3EB{len(shop.script.sends):05}"
    await shop.tell(receipt("delivered", whatsapp_id))
    shop.script.may_answer.set()
    message = await shop.becomes(message_id, "delivered")
    assert message["whatsappMessageId"] == whatsapp_id
    told = await shop.events("message.sent", "message.ack")
    assert [event["type"] for event in told] == ["message.sent", "message.sent", "message.ack"]


async def test_on_the_short_way_a_message_is_as_it_is_on_the_long_one(shop: Shop):
    """The first makes a stranger known, so the second is settled by the function of the schema."""
    first, second = [(await shop.send(words)).json() for words in ("1", "2")]
    differ = {"id", "whatsappMessageId", "text", "content", "createdAt", "timestamp", "sentAt"}
    assert {**first, **dict.fromkeys(differ)} == {**second, **dict.fromkeys(differ)}
    (chat,) = (await shop.person.call("GET", "/v1/sessions/shop/chats")).json()["items"]
    assert chat["lastMessage"]["id"] == second["id"]
    told = await shop.events("message.sent")
    assert [event["data"]["id"] for event in told] == [first["id"], second["id"]]
    assert told[1]["sequence"] == told[0]["sequence"] + 1
    assert set(told[0]["data"]) == set(told[1]["data"])
    # Their echoes are known.
    for sent in (first, second):
        await shop.tell(text("echo", sent["whatsappMessageId"], chat=ANNA_CHAT, from_me=True))
    page = (await shop.person.call("GET", "/v1/sessions/shop/messages")).json()["items"]
    assert [message["id"] for message in page] == [second["id"], first["id"]]


async def test_whoever_lost_the_outbox_leaves_it_to_its_new_holder(shop: Shop):
    await shop.send("1")
    shop.script.may_answer.clear()
    shop.script.arrived.clear()
    second, third = await shop.queued("2", "3")
    await shop.script.arrived.wait()
    await shop.sql(
        "UPDATE outboxes SET claim_token = gen_random_uuid(),"
        " claimed_until = clock_timestamp() + interval '1 minute'"
    )
    shop.script.may_answer.set()
    await shop.becomes(second, "sent")
    assert (await shop.message(third))["status"] == "queued"
    assert len(shop.script.sends) == 2
