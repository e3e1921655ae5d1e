"""People by HTTP: accounts, companions, habits, groups, and what time it is for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.sandbox.client import companion, paired_jid, running_client
from tests.sandbox.conftest import CONTROL_TOKEN, new_number
from worker.sandbox.clock import SetClock
from worker.sandbox.control.server import ControlServer
from worker.sandbox.options import Options
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def test_an_account_is_opened_with_a_number_of_ones_own_or_a_fresh_one(
    control: httpx.AsyncClient,
) -> None:
    number = new_number()
    answer = await control.post("/phones", json={"number": number, "name": "Anna"})
    assert answer.status_code == 201
    anna = answer.json()
    assert (anna["number"], anna["name"]) == (number, "Anna")
    fresh = (await control.post("/phones", json={})).json()
    assert fresh["number"] == fresh["name"]
    assert len({number, fresh["number"], anna["lid"], fresh["lid"]}) == 4

    taken = await control.post("/phones", json={"number": number})
    assert (taken.status_code, taken.json()["code"]) == (409, "number_taken")

    listed = (await control.get("/phones", params={"limit": 1000})).json()["items"]
    assert [account for account in listed if account["number"] in (number, fresh["number"])] == [anna, fresh]
    assert len((await control.get("/phones", params={"limit": 1})).json()["items"]) == 1


async def test_a_phone_scans_and_knows_its_companion(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with running_client(sandbox, tmp_path) as client:
        await client.call("connect")
        code = (await client.event("qr"))["data"]
        answer = await control.post(f"/phones/{anna.number}/scan", json={"code": code})
        assert answer.json() == {"number": anna.number, "device": 1}
        assert await paired_jid(client) == f"{anna.number}:1"
        await client.event("connected")
        phone = (await control.get(f"/phones/{anna.number}")).json()
        assert phone["companions"] == [{"device": 1, "connected": True}]
        again = await control.post(f"/phones/{anna.number}/scan", json={"code": code})
        assert (again.status_code, again.json()["code"]) == (409, "pairing_refused")
        assert "nobody shows this code" in again.json()["detail"]


async def test_a_phone_types_in_a_pairing_code(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with running_client(sandbox, tmp_path) as client:
        await client.call("connect")
        await client.event("qr")
        code = await client.call("pair_phone", number=anna.number)
        answer = await control.post(f"/phones/{anna.number}/scan", json={"pairingCode": code})
        assert answer.json()["device"] == 1
        await client.event("connected")


@pytest.mark.parametrize("body", [{}, {"code": "1", "pairingCode": "2"}, {"code": None}])
async def test_a_scan_needs_one_code(control: httpx.AsyncClient, anna: Phone, body: dict[str, str]) -> None:
    answer = await control.post(f"/phones/{anna.number}/scan", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_what_is_no_code_is_refused_in_the_phones_words(
    control: httpx.AsyncClient, anna: Phone
) -> None:
    for body in ({"code": "hello"}, {"code": ""}, {"pairingCode": "ABCD-EFGH"}):
        answer = await control.post(f"/phones/{anna.number}/scan", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "pairing_refused")


async def test_a_phone_answers_and_reads_by_itself(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        habits = {"answersWith": "echo", "readsAtOnce": True}
        changed = (await control.patch(f"/phones/{ben.number}", json=habits)).json()
        assert (changed["answersWith"], changed["readsAtOnce"], changed["sendsReceipts"]) == (
            "echo",
            True,
            True,
        )
        message_id = await client.call("send", to=ben.number, text="is anybody there?")
        assert (await client.event("message"))["text"] == "is anybody there?"
        kinds = []
        while 4 not in kinds:
            receipt = await client.event("receipt")
            assert receipt["ids"] == [message_id]
            kinds.append(receipt["type"])
        assert kinds == [1, 4]

        await control.patch(f"/phones/{ben.number}", json={"answersWith": "I am away.", "readsAtOnce": False})
        await client.call("send", to=ben.number, text="still there?")
        assert (await client.event("message"))["text"] == "I am away."
        assert (await client.event("receipt"))["type"] == 1

        await control.patch(f"/phones/{ben.number}", json={"answersWith": None, "sendsReceipts": False})
        await client.call("send", to=ben.number, text="and now?")
        await ben.send_text(anna, "nothing came of itself in between")
        assert (await client.event("message"))["text"].startswith("nothing came")
        assert not client.has("receipt")


async def test_two_phones_that_answer_everything_do_not_answer_each_other_for_ever(
    control: httpx.AsyncClient, anna: Phone, ben: Phone
) -> None:
    for phone in (anna, ben):
        await control.patch(f"/phones/{phone.number}", json={"answersWith": "echo"})
    await anna.send_text(ben, "hello")
    assert (await anna.next_message()).text == "hello"
    assert len(list(ben.inbox)) == 1
    await control.get("/health")
    assert [len(list(phone.inbox)) for phone in (anna, ben)] == [1, 1]


async def test_habits_and_inbox_positions_survive_a_restart(tmp_path: Path) -> None:
    positions = []
    async with _controlled(tmp_path) as (_, control):
        anna, ben = [(await control.post("/phones", json={})).json()["number"] for _ in range(2)]
        await control.patch(f"/phones/{ben}", json={"answersWith": "echo"})
    for _ in range(2):
        async with _controlled(tmp_path) as (_, control):
            await control.post(f"/phones/{anna}/messages", json={"to": ben, "type": "text", "text": "hi"})
            page = (await control.get(f"/phones/{anna}/inbox", params={"wait": 10})).json()
            assert [item["text"] for item in page["items"]] == ["hi"]
            positions.append(page["next"])
    assert positions == sorted(set(positions))


async def test_a_new_name_reaches_the_companion(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, _):
        assert (await control.patch(f"/phones/{ben.number}", json={"name": "Benjamin"})).json()[
            "name"
        ] == "Benjamin"
        await ben.send_text(anna, "guess who")
        assert (await client.event("message"))["name"] == "Benjamin"


@pytest.mark.parametrize(
    "body",
    [{"answersWith": ""}, {"answersWith": 1}, {"sendsReceipts": None}, {"readsAtOnce": "yes"}, {"x": 1}],
)
async def test_a_wrong_habit_changes_nothing(
    control: httpx.AsyncClient, anna: Phone, body: dict[str, object]
) -> None:
    before = anna.habits
    answer = await control.patch(f"/phones/{anna.number}", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, next(iter(body)))
    assert anna.habits == before


async def test_groups_are_made_and_shown(control: httpx.AsyncClient, anna: Phone, ben: Phone) -> None:
    body = {"creator": anna.number, "subject": "Lunch 🍝", "members": [ben.number, ben.number]}
    made = await control.post("/groups", json=body)
    assert made.status_code == 201
    group_id = made.json()["groupId"]
    for name in (group_id, group_id.partition("@")[0]):
        group = (await control.get(f"/groups/{name}")).json()
        assert (group["groupId"], group["subject"], group["creator"]) == (group_id, "Lunch 🍝", anna.number)
        assert group["members"] == [
            {"number": ben.number, "admin": False},
            {"number": anna.number, "admin": True},
        ]


async def test_a_group_of_people_that_there_are_not_is_not_made(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone
) -> None:
    body = {"creator": anna.number, "subject": "Nobody", "members": ["4915500000000"]}
    assert (await control.post("/groups", json=body)).status_code == 404
    assert sandbox.network.groups.of(anna.account) == []
    body["subject"] = ""
    assert (await control.post("/groups", json=body)).json()["field"] == "subject"


async def test_the_clock_is_set_and_moved(tmp_path: Path) -> None:
    async with _controlled(tmp_path, Options(clock=SetClock(1_893_456_000))) as (sandbox, control):
        assert (await control.get("/clock")).json() == {"now": "2030-01-01T00:00:00Z", "settable": True}
        moved = await control.post("/clock", json={"advance": 90.5})
        assert moved.json()["now"] == "2030-01-01T00:01:30.500000Z"
        moved = await control.post("/clock", json={"now": "2031-01-01T01:00:00+01:00"})
        assert moved.json()["now"] == "2031-01-01T00:00:00Z"
        anna, ben = await sandbox.network.new_phone(), await sandbox.network.new_phone()
        await anna.send_text(ben, "from the future")
        (item,) = (await control.get(f"/phones/{ben.number}/inbox")).json()["items"]
        assert item["timestamp"] == "2031-01-01T00:00:00Z"
        for wrong in (
            {},
            {"advance": 1, "now": "2031-01-01T00:00:00Z"},
            {"advance": -1},
            {"advance": 1e300},
            {"advance": 4e9},
            {"now": "2031-01-01T00:00:00"},
            {"now": "tomorrow"},
            {"now": "9999-01-01T00:00:00Z"},
            {"now": "0001-01-01T00:00:00+10:00"},
        ):
            assert (await control.post("/clock", json=wrong)).status_code == 422, wrong
        assert sandbox.network.clock.seconds() == 1_924_992_000


async def test_the_time_of_the_machine_is_not_ours_to_set(control: httpx.AsyncClient) -> None:
    assert (await control.get("/clock")).json()["settable"] is False
    answer = await control.post("/clock", json={"advance": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "clock_not_settable")


@asynccontextmanager
async def _controlled(
    folder: Path, options: Options | None = None
) -> AsyncIterator[tuple[Sandbox, httpx.AsyncClient]]:
    async with (
        Sandbox(folder, options=options) as sandbox,
        ControlServer(sandbox.network, CONTROL_TOKEN) as server,
        httpx.AsyncClient(
            base_url=server.url, headers={"Authorization": f"Bearer {CONTROL_TOKEN}"}
        ) as control,
    ):
        yield sandbox, control
