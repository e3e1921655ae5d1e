"""A network that wants less from an account: its queue pauses, its owner sees why, and nothing is lost."""

from datetime import datetime

from tests.fleet.shop import SENDS, open_shop
from tests.fleet.stage import Stage
from tests.waiting import until

FAULTS = "/v1/sandbox/sessions/shop/faults"


async def test_a_network_that_wants_less_pauses_the_queue_until_it_is_let_go(short_fleet: Stage):
    shop, stage = await open_shop(short_fleet), short_fleet
    await stage.call("POST", FAULTS, 204, json={"kind": "limited"})
    body, later = {"to": "+4915100000041", "text": "not so fast"}, {"Prefer": "respond-async"}
    message = await stage.call("POST", SENDS, 202, json=body, headers=later)
    told = await shop.event("queue.paused")
    assert "429" in told["data"]["reason"]
    queue = await stage.call("GET", "/v1/sessions/shop/queue", 200)
    assert (queue["waiting"], queue["reason"]) == (1, told["data"]["reason"])
    until_when = [datetime.fromisoformat(one) for one in (queue["pausedUntil"], told["data"]["until"])]
    assert until_when[0] == until_when[1]
    await stage.call("DELETE", FAULTS, 204)
    await stage.call("POST", "/v1/sessions/shop/queue/resume", 200)

    async def sent() -> bool:
        found = await stage.call("GET", f"/v1/messages/{message['id']}", 200)
        return found["status"] in {"sent", "delivered"}

    await until(sent)
    assert await stage.network.inbox("+4915100000041", (await stage.session("shop"))["phone"]) == [
        "not so fast"
    ]
