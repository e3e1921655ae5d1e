"""Who has said STOP is reached by no broadcast, also not by one that runs, until they say START."""

import asyncio
from typing import Any

import pytest

from tests.fleet_client import Fleet
from tests.integration.broadcasting import (
    Desk,
    a_desk,  # noqa: F401 (a fixture, as the next one)
    broadcast_settings,  # noqa: F401
    feeder,
    number,
    people,
)
from tests.integration.queueing import senders

LIST = "/v1/opt-outs"
HIDDEN = "77000111222333@lid"


async def listed(desk: Desk) -> list[dict[str, Any]]:
    return list((await desk.person.call("GET", LIST)).json()["items"])


def chat_of(place: int) -> str:
    return f"{number(place)[1:]}@s.whatsapp.net"


async def writes(desk: Desk, place: int, text: str) -> None:
    await desk.hears(text, chat=chat_of(place), sender=chat_of(place), timestamp=1_790_000_000)


async def test_a_word_opts_out_and_another_one_in_again(desk: Desk, fleet: Fleet):
    await writes(desk, 1, " Stop\n")
    await writes(desk, 2, "please stop")
    await writes(desk, 1, "STOP")
    (row,) = await listed(desk)
    assert (row["phone"], row["reason"]) == (number(1), "Stop")
    event = await desk.told("contact.opted_out")
    assert (event["phone"], event["word"]) == (number(1), "Stop")
    async with senders(fleet), feeder(fleet):
        broadcast = await desk.made(3)
        await desk.becomes(broadcast, status="done", sent=2, skipped=1)
        assert (await desk.shop.send("to one alone", to=number(1))).status_code == 201
        await writes(desk, 1, "start")
        assert await listed(desk) == []
        assert (await desk.told("contact.opted_in"))["phone"] == number(1)
        await desk.becomes(await desk.made(3), status="done", sent=3)
    assert desk.shop.script.texts == ["Hi P0", "Hi P2", "to one alone", "Hi P0", "Hi P1", "Hi P2"]


async def test_in_a_group_the_word_is_only_a_word(desk: Desk):
    group = "120363000000000001@g.us"
    await desk.hears("STOP", chat=group, sender=chat_of(1))
    await desk.hears("STOP", chat=chat_of(1), sender=chat_of(9), from_me=True)
    assert await listed(desk) == []


async def test_who_opts_out_while_it_runs_is_skipped(desk: Desk, fleet: Fleet):
    script = desk.shop.script
    script.may_answer.clear()
    async with senders(fleet), feeder(fleet):
        broadcast = await desk.made(20)
        await script.arrived.wait()
        await writes(desk, 15, "Unsubscribe")
        added = await desk.person.call("POST", LIST, json={"contact": number(16), "reason": "by phone"})
        assert added.status_code == 201, added.text
        script.may_answer.set()
        await desk.becomes(broadcast, status="done", sent=18, skipped=2)
    skipped = (await desk.recipients(broadcast, "status=skipped"))["items"]
    assert [(row["position"], row["error"]) for row in skipped] == [
        (15, "has opted out"),
        (16, "has opted out"),
    ]
    assert not {"Hi P15", "Hi P16"} & set(script.texts)


async def test_somebody_is_known_by_their_number_and_by_the_name_that_hides_it(desk: Desk, fleet: Fleet):
    await desk.hears("hello", chat=HIDDEN, sender=HIDDEN, chat_phone=number(1), chat_lid=HIDDEN)
    added = (await desk.person.call("POST", LIST, json={"contact": HIDDEN})).json()
    assert (added["phone"], added["lid"]) == (number(1), HIDDEN)
    again = (await desk.person.call("POST", LIST, json={"contact": number(1)})).json()
    assert again["id"] == added["id"]
    async with senders(fleet), feeder(fleet):
        broadcast = await desk.made([*people(1), {"to": number(1), "variables": {"name": "x"}}])
        await desk.becomes(broadcast, status="done", sent=1, skipped=1)


async def test_the_list_is_its_owners_own(desk: Desk, fleet: Fleet):
    added = (await desk.person.call("POST", LIST, json={"contact": number(1)})).json()
    await desk.person.call("POST", LIST, json={"contact": number(2), "sandbox": True})
    stranger = await fleet.owner()
    assert (await stranger.call("GET", LIST)).json()["items"] == []
    assert (await stranger.call("DELETE", f"{LIST}/{added['id']}")).status_code == 404
    key = (await desk.person.new_key(mode="test", scopes=["messages:read", "messages:send"]))["key"]
    seen = (await desk.person.call("GET", LIST, bearer=key)).json()["items"]
    assert [row["phone"] for row in seen] == [number(2)]
    refused = await desk.person.call("POST", LIST, bearer=key, json={"contact": number(3)})
    assert (refused.status_code, refused.json()["code"]) == (403, "credential_not_accepted")
    assert (await desk.person.call("DELETE", f"{LIST}/{added['id']}", bearer=key)).status_code == 404
    assert (await desk.person.call("DELETE", f"{LIST}/{added['id']}")).status_code == 204
    assert (await desk.person.call("DELETE", f"{LIST}/{added['id']}")).status_code == 404
    first = (await desk.person.call("GET", f"{LIST}?limit=1")).json()
    assert first["nextCursor"] is None


@pytest.mark.parametrize(
    "contact", ["", "nobody", "120363000000000001@g.us", "status@broadcast", "0151234567"]
)
async def test_what_is_nobody_cannot_opt_out(desk: Desk, contact: str):
    refused = await desk.person.call("POST", LIST, json={"contact": contact})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/contact"), refused.text


async def test_many_at_once_make_one(desk: Desk):
    calls = (desk.person.call("POST", LIST, json={"contact": number(1)}) for _ in range(20))
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
