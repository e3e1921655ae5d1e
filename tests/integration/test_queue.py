"""The queue of a session: what was accepted goes out once, in order, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text as sql

from control_plane.db.engine import SystemSite
from control_plane.messages.queue.clockwork import Clockwork
from control_plane.messages.queue.journals import Journals
from control_plane.messages.queue.late_results import LateResults
from control_plane.messages.queue.outboxes import Outboxes, sender_of
from shared.contracts.commands import AttemptState, CommandAnswer, Outcome, TypingWish
from shared.session_state import Reason, SessionState
from tests.factories import Person
from tests.fleet_client import CONNECTED, JOIN_TOKEN, Fleet, FleetWorker, bare, seen, shown
from tests.scripted_worker import Broken, ScriptedWorker, scripted_worker
from tests.waiting import until

ANNA = "+4915100000001"
RECONNECTING = seen(SessionState.RECONNECTING, Reason.CONNECTION_LOST)
LOGGED_OUT = seen(SessionState.LOGGED_OUT, Reason.LOGGED_OUT_BY_USER)
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def send_wait() -> str:
    """In seconds; longer than anything here takes."""
    return "30"


@pytest.fixture
def fleet_settings(send_wait: str) -> dict[str, str]:
    return {
        "WAYPOST_JOIN_TOKENS": JOIN_TOKEN,
        "WAYPOST_RECIPIENT_MESSAGES_PER_MINUTE": "10000",
        "WAYPOST_SESSION_MESSAGES_PER_MINUTE": "100000",
        "WAYPOST_SEND_WAIT_SECONDS": send_wait,
        "WAYPOST_JOURNAL_PATIENCE_SECONDS": "0.5",
        "WAYPOST_BULK_SECONDS": "0.01",
    }


class Shop:
    """A connected session on a worker that does what a test says."""

    def __init__(self, fleet: Fleet, person: Person, worker: FleetWorker, script: ScriptedWorker) -> None:
        self.fleet = fleet
        self.person = person
        self.worker = worker
        self.script = script
        self.session = ""

    async def send(
        self, text: str = "hello", *, headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        whole = {"to": ANNA, "text": text, **body}
        return await self.person.call("POST", "/v1/sessions/shop/messages", json=whole, headers=headers or {})

    async def queued(self, *texts: str, **body: Any) -> list[str]:
        """Their ids."""
        ids = []
        for text in texts:
            answer = await self.send(text, headers=ASYNC, **body)
            assert answer.status_code == 202, answer.text
            ids.append(answer.json()["id"])
        return ids

    async def message(self, message_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.person.call("GET", f"/v1/messages/{message_id}")).json()
        return found

    async def becomes(self, message_id: str, *statuses: str) -> dict[str, Any]:
        async def it_has() -> bool:
            return (await self.message(message_id))["status"] in statuses

        await until(it_has)
        return await self.message(message_id)

    async def tell(self, *told: Any) -> None:
        row = await self.fleet.row(self.session)
        await self.worker.tell(self.session, row.epoch, *told)

    async def queue(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.person.call("GET", "/v1/sessions/shop/queue")).json()
        return found

    async def events(self, *types: str) -> list[dict[str, Any]]:
        answer = await self.person.call("GET", f"/v1/events?types={','.join(types)}&limit=200")
        return list(answer.json()["items"])

    async def sql(self, statement: str, **values: Any) -> None:
        async with self.fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
            await db.execute(sql(statement), values)


@pytest.fixture
async def shop(fleet: Fleet) -> AsyncIterator[Shop]:
    async with scripted_worker() as script:
        person = await fleet.owner()
        worker = await fleet.worker(endpoint=script.endpoint)
        made = Shop(fleet, person, worker, script)
        made.session = await fleet.running(person)
        await made.tell(CONNECTED)
        yield made


@pytest.fixture
async def background(fleet: Fleet) -> AsyncIterator[Outboxes]:
    """What the background process does for queues, in this process."""
    parts, stopping = fleet.replica.parts, asyncio.Event()
    sender = sender_of(parts.settings, parts.database, parts.redis, parts.worker_client, parts.handing_over)
    outboxes = Outboxes(sender, look_every=timedelta(seconds=0.05))
    tasks = [
        asyncio.create_task(outboxes.run(stopping)),
        asyncio.create_task(Clockwork(parts.database).run(stopping)),
    ]
    yield outboxes
    stopping.set()
    await asyncio.gather(*tasks)


def late_results(fleet: Fleet) -> LateResults:
    parts = fleet.replica.parts
    return LateResults(parts.database, Journals(parts.database, parts.worker_client, 0))


def in_order(texts: Sequence[str]) -> bool:
    numbers = [int(text) for text in texts]
    return numbers == sorted(numbers)


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
