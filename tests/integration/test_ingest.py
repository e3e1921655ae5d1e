"""What workers ship is taken in once, from the right owner, whatever a stranger wrote into it."""

import asyncio
import time

import msgspec
import pytest

from shared.contracts import told as words
from shared.contracts.messages import Edit, MessageKey
from shared.session_state import Reason, SessionState
from tests.factories import Person
from tests.fleet_client import CONNECTED, PEER, Fleet, connect, messages, qr, received, seen, shown, text
from tests.integration import hostile_texts
from tests.waiting import until

# Nothing else keeps one of these from being told twice.
CALL = words.CallSeen(call_id="c", sender=PEER, state="offered", timestamp=0)


async def test_states_are_those_that_the_owner_tells(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    assert await shown(person, session) == ("initializing", "starting")
    await worker.tell(session, 1, qr())
    assert await shown(person, session) == ("qr_pending", "waiting_for_scan")
    paired = words.Paired(device_jid="491510000001:1@s.whatsapp.net", business_name="", platform="android")
    me = words.LoggedInAs(
        device_jid="491510000001:1@s.whatsapp.net",
        phone="491510000001",
        lid="77000111222@lid",
        display_name="A Shop",
    )
    await worker.tell(session, 1, paired, CONNECTED, me)
    found = (await person.call("GET", f"/v1/sessions/{session}")).json()
    assert (found["status"], found["phone"], found["displayName"]) == ("connected", "+491510000001", "A Shop")
    assert found["connectedAt"] is not None
    await worker.tell(session, 1, seen(SessionState.RECONNECTING, Reason.CONNECTION_LOST))
    assert await shown(person, session) == ("reconnecting", "connection_lost")
    items = (await person.call("GET", f"/v1/sessions/{session}/timeline")).json()["items"]
    told = [change["status"] for change in reversed(items)]
    assert told == ["initializing", "qr_pending", "connected", "reconnecting"]


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (seen(SessionState.LOGGED_OUT, Reason.LOGGED_OUT_BY_PHONE, words.Then.FORGET), "logged_out"),
        (seen(SessionState.AUTH_FAILED, Reason.BANNED, words.Then.STOP), "auth_failed"),
        (seen(SessionState.DISCONNECTED, Reason.QR_EXPIRED, words.Then.STOP), "disconnected"),
    ],
)
async def test_a_client_that_ended_is_not_started_again(fleet: Fleet, told: words.StateSeen, status: str):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, told)
    assert (await shown(person, session))[0] == status
    assert (await worker.beat())["start"] == []


async def test_a_stale_epoch_changes_no_state_and_its_messages_are_stored(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED)
    await person.call("POST", f"/v1/sessions/{session}/restart")
    before = await shown(person, session)
    gone = seen(SessionState.LOGGED_OUT, Reason.LOGGED_OUT_BY_PHONE, words.Then.FORGET)
    await worker.tell(session, 1, gone, qr(), text("seen by the owner before"))
    assert await shown(person, session) == before
    assert (await person.call("GET", f"/v1/sessions/{session}/qr")).status_code == 404
    assert [one["text"] for one in await messages(person, session)] == ["seen by the owner before"]


async def test_an_epoch_that_was_never_given_out_is_ignored(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 9, text("from the future"), CONNECTED)
    assert await messages(person, session) == []
    assert await shown(person, session) == ("initializing", "starting")


async def test_events_of_foreign_and_unknown_sessions_are_ignored_and_taken_off_the_spool(fleet: Fleet):
    person = await fleet.owner()
    await fleet.worker()
    session = await fleet.running(person)
    stranger = await fleet.worker()
    unknown = "00000000-0000-7000-8000-000000000000"
    events = [
        stranger.event(name, 1, told)
        for name in (session, unknown, "no id at all", "")
        for told in (text("forged"), CONNECTED)
    ]
    assert await stranger.ship(*events) == len(events)
    assert await messages(person, session) == []
    assert (await shown(person, session))[0] == "initializing"


async def test_another_workers_spool_cannot_be_moved_on(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    stranger = await fleet.worker()
    await stranger.ship(stranger.event(session, 1, CONNECTED, position=1_000), spool=worker.spool)
    await worker.tell(session, 1, text("still heard"))
    assert [one["text"] for one in await messages(person, session)] == ["still heard"]


async def test_a_batch_that_is_sent_twice_is_applied_once(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    batch = [worker.event(session, 1, one) for one in (CONNECTED, text("one"), text("two"), CALL)]
    assert [await worker.ship(*batch) for _ in range(2)] == [4, 4]
    assert await count_of_events(person, "call.received", 1) == 1
    assert len(await messages(person, session)) == 2
    assert await count_of_events(person, "message.received", 2) == 2
    assert await count_of_events(person, "session.status", 2) == 2


async def test_a_batch_that_is_sent_at_the_same_time_is_applied_once(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    batch = [worker.event(session, 1, text(f"text {number}")) for number in range(10)]
    batch.append(worker.event(session, 1, CALL))
    assert await asyncio.gather(*(worker.ship(*batch) for _ in range(8))) == [11] * 8
    assert await count_of_events(person, "call.received", 1) == 1
    assert len(await messages(person, session)) == 10
    assert await count_of_events(person, "message.received", 10) == 10


async def test_a_message_that_two_owners_saw_is_stored_once(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    second = await fleet.worker()
    told = text("to both", "ABC")
    await first.tell(session, 1, told)
    await fleet.take_over(first)
    await second.tell(session, 2, told)
    await first.tell(session, 1, told)
    assert [one["whatsappMessageId"] for one in await messages(person, session)] == ["ABC"]


async def test_two_senders_may_use_one_id(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    group = "120363000000000001@g.us"
    for sender in ("4915100000002@s.whatsapp.net", "4915100000003@s.whatsapp.net"):
        await worker.tell(session, 1, text("mine", "SAME", chat=group, sender=sender))
    assert len(await messages(person, session)) == 2


async def test_positions_count_for_each_spool_and_zero_is_always_taken(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    assert await worker.ship() == 0
    assert await worker.ship(worker.event(session, 1, text("far"), position=50)) == 50
    assert await worker.ship(worker.event(session, 1, text("behind"), position=49)) == 50
    assert await worker.ship(worker.event(session, 1, text("not kept"), position=0)) == 50
    assert await worker.ship(worker.event(session, 1, text("new spool"), position=1), spool="another") == 1
    stored = {one["text"] for one in await messages(person, session)}
    assert stored == {"far", "not kept", "new spool"}


@pytest.mark.parametrize("body", hostile_texts.BODIES.values(), ids=hostile_texts.BODIES.keys())
async def test_a_hostile_text_is_stored_and_the_next_one_too(fleet: Fleet, body: str):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    assert await worker.tell(session, 1, text(body), text("after it")) == 2
    after, hostile = await messages(person, session)
    if after["text"] != "after it":
        after, hostile = hostile, after
    assert (after["text"], hostile["text"]) == ("after it", body.replace("\0", "\ufffd"))


@pytest.mark.parametrize("told", hostile_texts.TOLD, ids=lambda told: type(told).__name__)
async def test_no_word_of_a_stranger_stops_the_spool(fleet: Fleet, told: words.Told):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    assert await worker.tell(session, 1, told, text("after it")) == 2
    assert "after it" in [one["text"] for one in await messages(person, session)]


async def test_a_lone_surrogate_is_refused_as_malformed_and_not_as_our_fault(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    event = msgspec.json.encode(worker.event(session, 1, text("SIGN"))).decode()
    body = '{"spool": "s", "events": [' + event.replace("SIGN", "\\ud800") + "]}"
    headers = {"Content-Type": "application/json"}
    answer = await worker.replica.client.post(
        f"/v1/workers/{worker.id}/events",
        content=body,
        headers={**headers, "Authorization": f"Bearer {worker.token}"},
    )
    assert answer.status_code in {400, 422}
    assert await messages(person, session) == []


async def test_parts_of_the_history_are_stored_without_events(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    old = [received(f"old {number}", timestamp=int(time.time())) for number in range(3)]
    await worker.tell(session, 1, words.HistoryReceived(kind="recent", progress=100, messages=tuple(old)))
    await worker.tell(session, 1, words.MessageReceived(message=old[0]))
    assert {one["text"] for one in await messages(person, session)} == {"old 0", "old 1", "old 2"}
    # What is told later is seen later: once this is here, nothing before it is still to come.
    await worker.tell(session, 1, CALL)
    assert await count_of_events(person, "call.received", 1) == 1
    # The one that came live as well: it is news, although the history was here before it.
    assert await count_of_events(person, "message.received", 1) == 1


async def test_receipts_raise_the_acknowledgement_and_never_lower_it(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, text("hello", "OUT", from_me=True), text("theirs", "IN"))
    seen_acks = []
    for kind in ("delivered", "read", "delivered", "unheard of", "played", "read"):
        receipt = words.ReceiptSeen(
            chat=PEER, sender=PEER, whatsapp_ids=("OUT", "IN", "NO"), kind=kind, timestamp=0
        )
        await worker.tell(session, 1, receipt)
        found = {one["whatsappMessageId"]: one for one in await messages(person, session)}
        seen_acks.append((found["OUT"]["ack"], found["OUT"]["status"]))
        assert found["IN"]["ack"] == 0
    read, played = (3, "read"), (4, "played")
    assert seen_acks == [(2, "delivered"), read, read, read, played, played]
    assert await count_of_events(person, "message.ack", 3) == 3


async def test_what_a_deleted_session_still_tells_is_ignored(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    assert (await person.call("DELETE", f"/v1/sessions/{session}")).status_code == 204
    assert await worker.tell(session, 1, text("too late"), CONNECTED) == 2
    orders = await worker.beat({"id": session.removeprefix("ses-"), "epoch": 1, "status": "connected"})
    assert orders["lost"] == [session.removeprefix("ses-")]


async def test_batches_of_many_workers_and_sessions_do_not_wait_for_each_other(fleet: Fleet):
    person = await fleet.owner(sessions=10)
    workers = [await fleet.worker() for _ in range(2)]
    sessions = [await fleet.session(person, f"shop {number}") for number in range(6)]
    for session in sessions:
        await connect(person, session)
    owner = {session: (await fleet.row(session)).worker_id for session in sessions}
    for worker in workers:
        mine = [session for session in sessions if owner[session] == worker.id]
        batches = [
            worker.ship(*(worker.event(one, 1, text("x"), position=0) for one in order))
            for order in (mine, mine[::-1]) * 5
        ]
        await asyncio.gather(*batches)
    assert [len(await messages(person, session)) for session in sessions] == [10] * 6


async def count_of_events(person: Person, kind: str, expected: int) -> int:
    """Once there are so many: events are shown when no earlier one can come any more."""
    found: list[str] = []

    async def all_there() -> bool:
        items = (await person.call("GET", "/v1/events?limit=200")).json()["items"]
        found[:] = [event["type"] for event in items if event["type"] == kind]
        return len(found) >= expected

    await until(all_there)
    return len(found)


async def test_only_who_wrote_a_message_may_change_it(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    group, author, other = "120363000000000000@g.us", "1@lid", "2@lid"
    target = MessageKey(whatsapp_id="3EB0ONE", sender=author)
    change = Edit(target=target, text="changed")
    await worker.tell(
        session,
        1,
        CONNECTED,
        text("as it was", "3EB0ONE", chat=group, sender=author),
        text("", "3EB0TWO", chat=group, sender=other, content=change),
    )
    texts = {one["whatsappMessageId"]: one["text"] for one in await messages(person, session)}
    assert texts["3EB0ONE"] == "as it was"
    await worker.tell(session, 1, text("", "3EB0THREE", chat=group, sender=author, content=change))
    texts = {one["whatsappMessageId"]: one["text"] for one in await messages(person, session)}
    assert texts["3EB0ONE"] == "changed"
