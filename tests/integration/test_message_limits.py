"""How much may be sent: a pace for each chat and session, and what the tier allows in a day and a month."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from aiohttp import web

from shared.contracts.commands import CommandAnswer, Outcome
from tests.factories import Person
from tests.fleet_client import CONNECTED, JOIN_TOKEN, Fleet, shown
from tests.waiting import until

ANNA, BEN = "+4915100000001", "+4915100000002"


@pytest.fixture
def fleet_settings() -> dict[str, str]:
    return {
        "WAYPOST_JOIN_TOKENS": JOIN_TOKEN,
        "WAYPOST_RECIPIENT_MESSAGES_PER_MINUTE": "3",
        "WAYPOST_SESSION_MESSAGES_PER_MINUTE": "5",
    }


class Shop:
    def __init__(self, person: Person) -> None:
        self.person = person
        self.answer = CommandAnswer(outcome=Outcome.DONE, whatsapp_id="3EB0")
        self.asked = 0

    async def command(self, _: web.Request) -> web.Response:
        self.asked += 1
        answer = msgspec.structs.replace(self.answer, whatsapp_id=f"3EB{self.asked}")
        return web.Response(body=msgspec.json.encode(answer))

    async def send(self, to: str = ANNA) -> httpx.Response:
        body = {"to": to, "text": "hello"}
        return await self.person.call("POST", "/v1/sessions/shop/messages", json=body)

    async def used(self) -> tuple[int, int]:
        usage: dict[str, Any] = (await self.person.call("GET", "/v1/users/me/usage")).json()["usage"]
        return usage["messagesToday"]["used"], usage["messagesThisMonth"]["used"]


@pytest.fixture
async def shop(fleet: Fleet) -> AsyncIterator[Shop]:
    """A connected session, whose worker does what a test says."""
    made = Shop(await fleet.owner())
    app = web.Application()
    app.router.add_post("/sessions/{session}/commands", made.command)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        worker = await fleet.worker(endpoint=f"http://127.0.0.1:{runner.addresses[0][1]}")
        session = await fleet.running(made.person)
        await worker.tell(session, 1, CONNECTED)
        yield made
    finally:
        await runner.cleanup()


async def test_one_chat_gets_so_many_a_minute_and_others_still_get_theirs(shop: Shop):
    answers = [await shop.send() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    left = [answer.headers["ratelimit"] for answer in answers]
    for rest, told in zip((2, 1, 0), left, strict=True):
        assert f'"messages-to-one-chat";r={rest};' in told
        assert '"requests";r=' in told
    assert '"messages-of-the-session";q=5;w=60' in answers[0].headers["ratelimit-policy"]
    refused = await shop.send()
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.json()["violatedPolicies"] == ["messages-to-one-chat"]
    assert int(refused.headers["retry-after"]) >= 1
    assert (await shop.send(BEN)).status_code == 201
    assert shop.asked == 4


async def test_a_session_sends_so_many_a_minute_to_all_together(shop: Shop):
    answers = [await shop.send(f"+491510000010{number}") for number in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert answers[-1].json()["violatedPolicies"] == ["messages-of-the-session"]


async def test_what_the_tier_allows_in_a_day_is_never_exceeded_and_its_end_is_told_once(
    fleet: Fleet, shop: Shop
):
    await fleet.people.change(shop.person, limit_overrides={"messagesPerDay": 2, "requestsPerMinute": 1000})
    assert [(await shop.send()).status_code for _ in range(2)] == [201, 201]
    for _ in range(2):
        refused = await shop.send(BEN)
        assert (refused.status_code, refused.json()["code"]) == (403, "tier_limit_reached")
        assert (refused.json()["period"], refused.json()["limit"]) == ("day", 2)
    assert await shop.used() == (2, 2)

    async def told() -> bool:
        events = (await shop.person.call("GET", "/v1/events?types=quota.reached")).json()["items"]
        return [event["data"] for event in events] == [{"resource": "messages", "period": "day", "limit": 2}]

    await until(told)


async def test_a_client_that_is_found_closed_is_told_and_its_state_is_right(shop: Shop):
    shop.answer = CommandAnswer(outcome=Outcome.NOT_CONNECTED)
    refused = await shop.send()
    assert (refused.status_code, refused.json()["code"]) == (409, "session_not_connected")
    assert refused.json()["detail"] == "Client session closed. Please reconnect the session."
    assert await shown(shop.person, "shop") == ("reconnecting", "connection_lost")
    assert await shop.used() == (0, 0)


async def test_what_was_never_sent_is_not_counted(shop: Shop):
    shop.answer = CommandAnswer(outcome=Outcome.REFUSED, words="nobody has this number")
    assert (await shop.send()).status_code >= 400
    assert await shop.used() == (0, 0)
    shop.answer = CommandAnswer(outcome=Outcome.UNCERTAIN)
    assert (await shop.send()).status_code == 202
    assert await shop.used() == (1, 1)
