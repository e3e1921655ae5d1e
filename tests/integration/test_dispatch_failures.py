"""Receivers that fail: what is tried again and when, what overtakes, who is disabled."""

import asyncio
import uuid
from datetime import UTC, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from control_plane.webhooks.dispatch.cleaning import DeliveryRetention
from control_plane.webhooks.models import WebhookDelivery
from tests.integration.dispatching import OFFICE, SHOP, Stand, receiver, stand
from tests.waiting import until

__all__ = ["stand"]


async def tried(there: Any, number: int) -> None:
    async def it_is() -> bool:
        return len(there.tries) >= number

    await until(it_is)


async def probed(stand: Stand, there: Any, number: int) -> None:
    """While time goes by: how long a pause is counts from the end of the probe before."""

    async def it_is() -> bool:
        stand.clock.turn(seconds=5)
        return len(there.tries) >= number

    await until(it_is)


async def attempted(stand: Stand, webhook: uuid.UUID, times: int) -> WebhookDelivery:
    """Its only delivery, once it stands in the table with so many attempts."""

    async def it_is() -> bool:
        return len(await stand.deliveries(webhook_id=webhook, attempts=times)) == 1

    await until(it_is)
    return (await stand.deliveries(webhook_id=webhook))[0]


async def test_ten_minutes_without_a_receiver_lose_nothing_and_change_no_order(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        there.answer = lambda _number: 503
        stand.start()
        number = 0
        for _ in range(20):
            for session in (SHOP, OFFICE):
                await stand.events(number, number + 1, session=session)
                number += 2
            before = len(there.tries)
            stand.clock.turn(seconds=30)
            if before < 2:
                await tried(there, 2)

        async def all_wait() -> bool:
            return sum((await stand.counts(webhook)).values()) == 80

        await until(all_wait)
        there.answer = lambda _number: 200
        await probed(stand, there, len(there.tries) + 1)
        await stand.written(webhook, delivered=80)
        shop = [number for number in range(80) if number % 4 < 2]
        assert [number for number in there.taken if number % 4 < 2] == shop
        assert [number for number in there.taken if number % 4 >= 2] == [each + 2 for each in shop]
        row = await stand.row(webhook)
        assert (row.delivered, row.failing_since) == (80, None)


async def test_one_that_is_never_taken_is_overtaken_after_five_minutes(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        there.answer = lambda number: 422 if number == "poison" else 200
        stand.start()
        await stand.events("poison", 1, 2)
        await stand.events(3, session=OFFICE)
        await stand.written(webhook, pending=3, delivered=1)
        assert there.taken == [3]
        stand.clock.turn(minutes=4)
        await tried(there, 3)
        assert there.taken == [3]
        stand.clock.turn(minutes=1, seconds=10)
        await stand.written(webhook, pending=1, delivered=3)
        assert there.taken == [3, 1, 2]
        tries = len(there.tries)
        await stand.events(4, 5)
        await stand.written(webhook, pending=1, delivered=5)
        assert len(there.tries) == tries + 2
        (poison,) = await stand.deliveries(webhook_id=webhook, status="pending")
        assert poison.step < poison.attempts + 1 <= 6
        assert poison.error == "The server answered with the status 422 instead of a success."


async def test_when_something_is_taken_again_all_that_waits_is_due(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        there.answer = lambda _number: 422
        stand.start()
        await stand.events(1)
        await stand.events(2, session=OFFICE)
        await tried(there, 2)
        await stand.written(webhook, pending=2)
        stand.clock.turn(seconds=6)
        await tried(there, 4)

        async def twice() -> bool:
            return [each.attempts for each in await stand.deliveries()] == [2, 2]

        await until(twice)
        there.answer = lambda _number: 200
        await stand.events(3, session=uuid.UUID(int=3))
        await stand.written(webhook, delivered=3)


async def test_the_schedule_to_its_end(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        there.answer = lambda _number: 400
        stand.start()
        await stand.events(1)
        pauses = (5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)))
        for number, pause in enumerate(pauses, start=1):
            waiting = await attempted(stand, webhook, number)
            assert waiting.last_attempt_at
            assert waiting.due_at
            seconds = (waiting.due_at - waiting.last_attempt_at).total_seconds()
            assert 0.9 * pause <= seconds <= 1.1 * pause + 1
            stand.clock.turn(seconds=pause * 0.85)
            stand.clock.turn(seconds=pause * 0.25 + 1)
        await stand.written(webhook, failed=1)
        (failed,) = await stand.deliveries(webhook_id=webhook)
        assert (failed.attempts, len(failed.tries), failed.due_at) == (10, 10, None)
        assert len({webhook_id for webhook_id, _ in there.tries}) == 1
        assert (await stand.row(webhook)).failed == 1


@pytest.mark.parametrize(("asked", "seconds"), [("90", 90), ("0", 1), ("999999", 86_400), ("date", 120)])
async def test_retry_after_is_honoured_within_bounds(stand: Stand, asked: str, seconds: int):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)

        def busy(_number: Any) -> web.Response:
            at = (stand.clock() + timedelta(seconds=120)).astimezone(UTC)
            text = format_datetime(at, usegmt=True) if asked == "date" else asked
            return web.Response(status=429, headers={"Retry-After": text})

        there.answer = busy
        stand.start()
        await stand.events(1)
        waiting = await attempted(stand, webhook, 1)
        assert waiting.last_attempt_at
        assert waiting.due_at
        assert abs((waiting.due_at - waiting.last_attempt_at).total_seconds() - seconds) < 2


async def test_gone_disables_and_enabled_again_it_goes_on(stand: Stand):
    async with receiver(stand) as (there, url), receiver(stand) as (other, other_url):
        webhook = await stand.endpoint(url)
        await stand.endpoint(other_url)
        there.answer = lambda _number: 410
        stand.start()
        await stand.events(1, 2)

        async def disabled() -> bool:
            return not (await stand.row(webhook)).enabled

        await until(disabled)
        row = await stand.row(webhook)
        assert (row.disabled_reason, row.disabled_at is not None) == ("gone", True)

        async def told() -> bool:
            return "webhook.disabled" in [body["type"] for body in other.bodies]

        await until(told)
        (event,) = await stand.in_log("webhook.disabled")
        assert (event["webhookId"], event["reason"]) == (f"whk-{webhook}", "gone")
        await stand.events(3)
        assert len(there.tries) == 1
        there.answer = lambda _number: 200
        await stand.change(
            webhook, enabled=True, disabled_reason=None, disabled_at=None, due_at=stand.clock()
        )
        stand.clock.turn(seconds=10)

        async def all_taken() -> bool:
            return len(there.taken) == 4

        await until(all_taken)
        assert [number for number in there.taken if number != "webhook.disabled"] == [1, 2, 3]


async def test_five_days_without_a_success_disable(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        there.answer = lambda _number: 500
        stand.start()
        await stand.events(1)
        await stand.written(webhook, pending=1)
        stand.clock.turn(days=4, hours=23)
        await tried(there, 2)
        assert (await stand.row(webhook)).enabled
        stand.clock.turn(days=1, hours=2)
        await tried(there, 3)

        async def disabled() -> bool:
            return (await stand.row(webhook)).disabled_reason == "failing"

        await until(disabled)
        (event,) = await stand.in_log("webhook.disabled")
        assert event["reason"] == "failing"


async def test_who_is_disabled_by_its_owner_is_left_alone_at_once(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        stand.start()
        await stand.events(1)
        await stand.written(webhook, delivered=1)
        await stand.change(webhook, enabled=False, disabled_reason="owner")

        async def given_back() -> bool:
            return (await stand.row(webhook)).claim_token is None

        await until(given_back)
        await stand.events(2)
        await stand.change(webhook, enabled=True, due_at=stand.clock())
        await stand.written(webhook, delivered=2)
        assert there.taken == [1, 2]


async def test_a_redirect_and_a_forbidden_address_are_failures_with_their_words(stand: Stand):
    async with receiver(stand) as (there, url):
        there.answer = lambda _number: web.Response(status=302, headers={"Location": url})
        moved = await stand.endpoint(url)
        private = await stand.endpoint("http://127.0.0.2:9/hook")
        stand.start()
        await stand.events(1)
        await stand.written(moved, pending=1)
        await stand.written(private, pending=1)
        assert len(there.tries) == 1
        (redirected,) = await stand.deliveries(webhook_id=moved)
        assert "redirect (302)" in (redirected.error or "")
        (forbidden,) = await stand.deliveries(webhook_id=private)
        assert forbidden.status_code is None
        assert "not public" in (forbidden.error or "")


async def test_what_was_erased_is_not_sent_and_what_is_gone_fails(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        there.answer = lambda _number: 500
        stand.start()
        await stand.events("secret", "old")
        await stand.written(webhook, pending=2)
        await stand.sql("UPDATE events SET data = '{\"n\": \"erased\"}' WHERE data->>'n' = 'secret'")
        await stand.sql("DELETE FROM events WHERE data->>'n' = 'old'")
        there.answer = lambda _number: 200
        stand.clock.turn(seconds=6)
        await stand.written(webhook, delivered=1, failed=1)
        assert there.taken == ["erased"]
        (gone,) = await stand.deliveries(webhook_id=webhook, status="failed")
        assert gone.error == "The event is not kept any more, so there is nothing to send."


async def test_what_is_erased_while_it_waits_in_memory_is_not_sent(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        there.hold = asyncio.Event()
        dispatcher = stand.start()
        await stand.events(1, "secret")
        await there.arrived.wait()
        (courier,) = dispatcher._couriers.values()
        waiting = courier._backlog._unsettled[-1].letter
        assert waiting is not None
        assert b"secret" in waiting.body
        await stand.sql("UPDATE events SET data = '{\"n\": \"erased\"}' WHERE data->>'n' = 'secret'")

        async def was_read_long_ago() -> bool:
            return not waiting.is_fresh

        await until(was_read_long_ago)
        there.hold.set()
        await stand.written(webhook, delivered=2)
        assert there.taken == [1, "erased"]


async def test_after_five_failures_a_host_is_only_probed(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        there.answer = lambda _number: 500
        dispatcher = stand.start()
        sessions = [uuid.UUID(int=1000 + number) for number in range(30)]
        for number, session in enumerate(sessions):
            await stand.events(number, session=session)

        async def opened() -> bool:
            return dispatcher._crew.breakers.open == 1

        await until(opened)
        tries = len(there.tries)
        assert tries < 12
        await probed(stand, there, tries + 1)
        assert len(there.tries) == tries + 1
        assert there.tries[-1][1] == 0
        there.answer = lambda _number: 200
        await probed(stand, there, tries + 2)
        await stand.written(webhook, delivered=30)
        assert dispatcher._crew.breakers.open == 0


async def test_a_dead_host_is_probed_though_nothing_is_due(stand: Stand):
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        there.answer = lambda _number: 503
        dispatcher = stand.start()
        for number in range(6):
            await stand.events(number, session=uuid.UUID(int=1000 + number))

        async def opened() -> bool:
            return dispatcher._crew.breakers.open == 1

        await until(opened)
        tries = len(there.tries)
        for number in range(1, 8):
            await probed(stand, there, tries + number)
        assert {number for _, number in there.tries[tries:]} == {0}
        there.answer = lambda _number: 200
        await probed(stand, there, tries + 8)
        await stand.written(webhook, delivered=6)


async def test_a_dead_endpoint_holds_up_no_healthy_ones(stand: Stand):
    async with receiver(stand) as (there, url), receiver(stand) as (dead, dead_url):
        dead.hold = asyncio.Event()
        sick = await stand.endpoint(dead_url)
        healthy = [await stand.endpoint(url) for _ in range(30)]
        stand.start()
        for number in range(20):
            await stand.events(number, session=uuid.UUID(int=1000 + number))

        async def all_taken() -> bool:
            return len(there.taken) == 20 * len(healthy)

        await until(all_taken)
        assert 1 <= len(dead.tries) <= 4
        assert await stand.counts(sick) == {}
        dead.hold.set()
        await stand.written(sick, delivered=20)


async def test_what_is_over_is_removed_after_a_month(stand: Stand):
    async with receiver(stand) as (_, url):
        webhook = await stand.endpoint(url)
        old, young = stand.clock() - timedelta(days=31), stand.clock() - timedelta(days=29)
        for status in ("delivered", "failed", "pending"):
            for at in (old, young):
                await stand.add_delivery(webhook, status=status, created_at=at)
        assert await DeliveryRetention(stand.database, at_once=1).run() == 2
        assert await stand.counts(webhook) == {"delivered": 1, "failed": 1, "pending": 2}
