"""Webhooks are delivered: signed, in order, filtered, once."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from control_plane.webhooks.dispatch.writes import DispatchWrites
from tests.integration.dispatching import OFFICE, SHOP, Stand, receiver, stand
from tests.waiting import until

__all__ = ["stand"]


async def test_what_happens_is_delivered_in_order_and_signed(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        await stand.events(0, 1, 2)
        stand.start()
        for number in range(3, 30):
            await stand.events(number)

        async def all_taken() -> bool:
            return len(there.taken) == 30

        await until(all_taken)
        assert there.taken == list(range(30))
        await stand.written(webhook, delivered=30)
        body = there.bodies[4]
        assert set(body) == {"id", "type", "timestamp", "sessionId", "sequence", "data"}
        assert (body["type"], body["sequence"], body["sessionId"]) == ("message.received", 5, f"ses-{SHOP}")
        row = await stand.row(webhook)
        assert (row.delivered, row.failed, row.failing_since) == (30, 0, None)
        assert row.last_delivered_at is not None
        (first, *_) = await stand.deliveries(webhook_id=webhook)
        assert (first.attempts, first.status_code, first.error) == (1, 200, None)
        assert first.tries[0]["response"] == "ok"
        assert first.tries[0]["statusCode"] == 200


async def test_sessions_go_side_by_side_and_each_waits_for_its_own(stand: Stand):
    async with receiver(stand) as (there, url):
        await stand.endpoint(url)
        there.hold = asyncio.Event()
        stand.start()
        await stand.events(1, 2)
        await stand.events(3, 4, session=OFFICE)
        await stand.events(5, session=None, kind="quota.reached")

        async def three_arrived() -> bool:
            return len(there.tries) == 3

        await until(three_arrived)
        assert sorted(number for _, number in there.tries) == [1, 3, 5]
        await stand.events(6)
        await stand.events(7, session=uuid.UUID(int=7))

        async def the_last_arrived() -> bool:
            return 7 in [number for _, number in there.tries]

        await until(the_last_arrived)
        assert sorted(number for _, number in there.tries) == [1, 3, 5, 7]
        there.hold.set()

        async def all_taken() -> bool:
            return len(there.taken) == 7

        await until(all_taken)
        assert [number for number in there.taken if number in {1, 2, 6}] == [1, 2, 6]
        assert [number for number in there.taken if number in {3, 4}] == [3, 4]


async def test_only_what_is_wanted_is_sent(stand: Stand):
    async with receiver(stand) as (there, url), receiver(stand) as (tests_only, tests_url):
        webhook = await stand.endpoint(url, types=["message.received"], session_ids=[SHOP])
        await stand.endpoint(tests_url, only_sandbox=True)
        stand.start()
        await stand.events("type", kind="message.sent")
        await stand.events("session", session=OFFICE)
        await stand.events("account", session=None)
        await stand.events("foreign", user_id=await stand.account())
        await stand.events("sandbox", sandbox=True)
        await stand.events("wanted")

        async def taken() -> bool:
            return len(there.taken) == 2 and len(tests_only.taken) == 1

        await until(taken)
        await stand.written(webhook, delivered=2)
        assert there.taken == ["sandbox", "wanted"]
        assert tests_only.taken == ["sandbox"]
        # The same for what comes while they are held, which is handed on without another look.
        await stand.events("type", kind="message.sent")
        await stand.events("session", session=OFFICE)
        await stand.events("wanted again")
        await stand.events("sandbox again", sandbox=True)

        async def taken_again() -> bool:
            return len(there.taken) == 4 and len(tests_only.taken) == 2

        await until(taken_again)
        assert there.taken[2:] == ["wanted again", "sandbox again"]
        assert tests_only.taken == ["sandbox", "sandbox again"]


async def test_headers_and_both_secrets_of_a_rotation(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        new = stand.keys.make()
        await stand.change(
            webhook,
            sealed_old_secret=stand.keys.seal_secret(webhook, stand.secret),
            sealed_secret=stand.keys.seal_secret(webhook, new),
            old_secret_until=stand.clock() + timedelta(hours=1),
            sealed_headers=stand.keys.seal_headers(webhook, {"X-Shop": "green"}),
            sealed_hmac_key=stand.keys.seal_hmac_key(webhook, "old way"),
        )
        stand.start()
        await stand.events(1)

        async def taken() -> bool:
            return there.taken == [1]

        await until(taken)  # the receiver knows the old secret
        assert len(there.headers[0]["webhook-signature"].split()) == 2
        assert there.headers[0]["X-Shop"] == "green"
        assert there.headers[0]["X-Webhook-Hmac-Algorithm"] == "sha512"


async def test_a_replay_and_a_test_are_delivered(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        stand.start()
        await stand.events(1, 2)
        await stand.written(webhook, delivered=2)
        (first, _) = await stand.deliveries(webhook_id=webhook)
        values = {"event_id": first.event_id, "xid": first.xid, "position": first.position}
        await stand.add_delivery(webhook, replay=True, type=first.type, session_id=SHOP, **values)
        await stand.written(webhook, delivered=3)
        test = await stand.add_delivery(webhook, type="webhook.test")
        await stand.written(webhook, delivered=4)
        assert there.taken == [1, 2, 1, "webhook.test"]
        assert there.tries[0] == there.tries[2]
        assert there.bodies[3]["id"] == f"evt-{test}"
        assert there.bodies[3]["data"] == {"webhookId": f"whk-{webhook}"}


async def test_two_processes_deliver_everything_once(stand: Stand):
    async with receiver(stand) as (there, url):
        webhooks = [await stand.endpoint(url) for _ in range(6)]
        stand.start(linger=timedelta(seconds=0.05))
        stand.start(linger=timedelta(seconds=0.05))
        for number in range(60):
            await stand.events(number, session=SHOP if number % 2 else OFFICE)
            await asyncio.sleep(0.01)

        async def all_written() -> bool:
            return all([await stand.counts(webhook) == {"delivered": 60} for webhook in webhooks])

        await until(all_written)
        assert len(there.tries) == 360
        assert sorted(there.taken) == sorted([*range(60)] * 6)


async def test_a_process_that_dies_is_followed_by_one_that_repeats_what_was_in_flight(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        stand.start()
        await stand.events(1)
        await stand.written(webhook, delivered=1)
        there.hold = held = asyncio.Event()
        there.arrived.clear()
        await stand.events(2, 3)
        await there.arrived.wait()
        there.hold = None
        await stand.events(4, session=OFFICE)
        await stand.written(webhook, delivered=2)
        await stand.kill()
        held.set()
        stand.start()
        await stand.written(webhook, delivered=4)
        # What was told is not told again, though it stands behind what was in flight.
        assert [number for _, number in there.tries] == [1, 2, 4, 2, 3]
        assert there.tries[1] == there.tries[3]


async def test_who_stops_ends_what_is_in_flight_and_gives_back_the_rest(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        there.hold = asyncio.Event()
        dispatcher = stand.start()
        await stand.events(1, 2)
        await there.arrived.wait()
        stopping = asyncio.create_task(stand.stop())

        async def halted() -> bool:
            return all(courier.is_stopped for courier in dispatcher._couriers.values())

        await until(halted)
        there.hold.set()
        await stopping
        assert await stand.counts(webhook) == {"delivered": 1}
        assert (await stand.row(webhook)).claim_token is None
        stand.start()
        await stand.written(webhook, delivered=2)
        assert there.taken == [1, 2]


async def test_while_nothing_can_be_written_nothing_is_sent_and_nothing_is_lost(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        dispatcher = stand.start()
        await stand.events(1)
        await stand.written(webhook, delivered=1)

        async def away(*_: object) -> None:
            raise ConnectionError("the database is away")

        with monkeypatch.context() as patched:
            patched.setattr(DispatchWrites, "write", away)
            await stand.events(2, 3)

            async def noticed() -> bool:
                return dispatcher._crew.ledger.full

            await until(noticed)
            tries = len(there.tries)
            await stand.events(4)
            await dispatcher._crew.ledger.flush()
            assert len(there.tries) == tries
        await stand.written(webhook, delivered=4)
        assert there.taken == [1, 2, 3, 4]
