"""Trouble by HTTP, and the journal that tells what clients made of it."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.client import Client, companion, running_client
from worker.sandbox.devices import DeviceName
from worker.sandbox.phone_linking import code_parts
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def test_each_trouble_is_what_the_client_meets(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        for body in ({"kind": "disconnect"}, {"kind": "stream_error"}, {"kind": "failure", "code": 503}):
            await _strike(control, device, body)
            await client.event("disconnected")
            await client.event("connected")
        await _strike(control, device, {"kind": "stream_error", "code": 599})
        assert (await client.event("stream_error"))["code"] == "599"
        await client.event("connected")

        await _strike(control, device, {"kind": "slow", "delay": 0.8})
        await ben.send_text(anna, "late")
        with pytest.raises(AssertionError):
            await client.event("message", within=0.5)
        assert (await client.event("message"))["text"] == "late"
        await _heal(control, device)

        for body in ({"kind": "deaf"}, {"kind": "drop_ack"}):
            await _strike(control, device, body)
            with pytest.raises(TimeoutError):
                await client.call("send", to=ben.number, text="without an answer", within=1)
            await _heal(control, device)
            await _strike(control, device, {"kind": "disconnect"})
            await client.event("connected", within=30)


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ({"kind": "replaced"}, {"event": "stream_replaced"}),
        ({"kind": "logged_out"}, {"event": "logged_out", "on_connect": False}),
        ({"kind": "banned", "code": 102, "seconds": 60}, {"event": "temporary_ban", "code": 2, "expire": 60}),
        ({"kind": "outdated"}, {"event": "client_outdated"}),
    ],
)
async def test_what_ends_a_client_ends_it(
    control: httpx.AsyncClient,
    sandbox: Sandbox,
    anna: Phone,
    tmp_path: Path,
    body: dict[str, Any],
    event: dict[str, Any],
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await _strike(control, device, body)
        assert await client.event(event["event"]) == event


async def test_a_ban_lasts_until_it_is_healed(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await _strike(control, device, {"kind": "banned"})
        await client.event("temporary_ban")
    await _resumed(sandbox, tmp_path, device, "temporary_ban")
    await _heal(control, device)
    await _resumed(sandbox, tmp_path, device, "connected")


WRONG_TROUBLES: list[tuple[dict[str, Any], str]] = [
    ({}, "kind"),
    ({"kind": "earthquake"}, "kind"),
    ({"kind": "disconnect", "seconds": 1}, "seconds"),
    ({"kind": "slow"}, "delay"),
    ({"kind": "slow", "delay": -1}, "delay"),
    ({"kind": "slow", "delay": 1e9}, "delay"),
    ({"kind": "banned", "seconds": -1}, "seconds"),
    ({"kind": "banned", "seconds": 1e300}, "seconds"),
    ({"kind": "stream_error", "code": "503"}, "code"),
]


async def test_a_wrong_trouble_is_none(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        for body, field in WRONG_TROUBLES:
            answer = await control.post(_path(device), json=body)
            assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert await client.call("is_connected")
        assert not client.has("disconnected")


async def test_pairings_meet_trouble_until_they_are_healed(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    try:
        for kind in ("passkey", "outdated"):
            assert (await control.post("/faults", json={"kind": kind})).status_code == 204
            folder = tmp_path / kind
            folder.mkdir()
            answer = await _scanned(control, sandbox, anna, folder)
            assert (answer.status_code, answer.json()["code"]) == (409, "pairing_refused")
        assert (await control.post("/faults", json={"kind": "forged"})).status_code == 204
    finally:
        assert (await control.delete("/faults")).status_code == 204
    assert (await _scanned(control, sandbox, anna, tmp_path)).status_code == 200
    assert (await control.post("/faults", json={"kind": "deaf"})).status_code == 422


@pytest.mark.parametrize("kind", ["passkey", "forged", "outdated"])
async def test_trouble_of_one_pairing_leaves_others_alone(
    control: httpx.AsyncClient,
    sandbox: Sandbox,
    anna: Phone,
    ben: Phone,
    folders: tuple[Path, Path],
    kind: str,
) -> None:
    async with running_client(sandbox, folders[0]) as one, running_client(sandbox, folders[1]) as other:
        code, others = await _code(one), await _code(other)
        assert (await _trouble(control, code, kind)).status_code == 204
        linked = await control.post(f"/phones/{ben.number}/scan", json={"code": others})
        assert linked.status_code == 200
        await other.event("connected")
        # Whichever of its codes is scanned: the client may show the next one by now.
        ref = sandbox.network.pairings.of_code(code_parts(code)[0]).refs[1]
        later = ",".join([ref, *code_parts(code)[1:]])
        refused = await control.post(f"/phones/{anna.number}/scan", json={"code": later})
        assert (refused.status_code, refused.json()["code"]) == (409, "pairing_refused")
        await one.event("login_status")
        assert anna.companions == []


async def test_one_pairing_is_healed_by_itself(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with running_client(sandbox, tmp_path) as client:
        code = await _code(client)
        for kind in ("passkey", None):
            assert (await _trouble(control, code, kind)).status_code == 204
        scanned = await control.post(f"/phones/{anna.number}/scan", json={"code": code})
        assert scanned.status_code == 200
        await client.event("connected")
        gone = await _trouble(control, code, "passkey")
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


async def test_trouble_of_a_pairing_by_letters_is_found_by_its_code(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with running_client(sandbox, tmp_path) as client:
        code = await _code(client)
        letters = await client.call("pair_phone", number=anna.number)
        assert (await _trouble(control, code, "passkey")).status_code == 204
        refused = await control.post(f"/phones/{anna.number}/scan", json={"pairingCode": letters})
        assert (refused.status_code, refused.json()["code"]) == (409, "pairing_refused")
        assert (await client.event("login_status"))["status"] == "passkey-request"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"code": "", "kind": "passkey"}, 404),
        ({"code": "2@nobody,x,y,z", "kind": None}, 404),
        ({"code": "2@nobody"}, 422),
        ({"kind": "passkey"}, 422),
        ({"code": "2@nobody", "kind": "deaf"}, 422),
        ({"code": "x" * 2001, "kind": "passkey"}, 422),
    ],
)
async def test_trouble_of_no_pairing_is_refused(
    control: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    assert (await control.post("/pairings/faults", json=body)).status_code == status


async def test_the_journal_is_read_page_by_page(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        sent = [await client.call("send", to=ben.number, text=f"{number}") for number in range(3)]
        await client.call("stop")
    query: dict[str, Any] = {"device": str(device), "limit": 2}
    items, after = [], 0
    while page := (await control.get("/journal", params={**query, "after": after})).json():
        if not page["items"]:
            break
        items += page["items"]
        after = page["next"]
    assert [item["kind"] for item in items] == ["online", "message", "message", "message", "offline"]
    assert [item["messageId"] for item in items[1:4]] == sent
    assert {item["recipient"] for item in items[1:4]} == {ben.number}
    assert items[0]["connection"] == items[-1]["connection"]
    assert items[-1]["reason"] == "client left"

    query = {"device": str(device), "kind": "message"}
    assert len((await control.get("/journal", params=query)).json()["items"]) == 3
    for wrong in ({"kind": "rumour"}, {"device": "anna"}, {"device": "1:1:1"}, {"limit": 0}, {"after": -1}):
        assert (await control.get("/journal", params=wrong)).status_code == 422


async def test_two_clients_of_one_device_are_an_overlap_and_one_that_comes_back_is_none(
    control: httpx.AsyncClient, sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (first, device):
        for body in ({"kind": "disconnect"}, {"kind": "replaced"}):
            await _strike(control, device, body)
        await first.call("stop")
        async with running_client(sandbox, tmp_path, str(device)) as second:
            await second.call("connect")
            await second.event("connected")
            assert await _overlaps(control, device) == []
            async with running_client(sandbox, tmp_path, str(device)) as third:
                await third.call("connect")
                await second.event("stream_replaced")
                (overlap,) = await _overlaps(control, device)
    logins = [entry.connection for entry in sandbox.network.journal.entries("online", device)]
    assert [overlap["first"]["connection"], overlap["second"]["connection"]] == logins[-2:]
    assert overlap["device"] == str(device)


async def _strike(control: httpx.AsyncClient, device: DeviceName, body: dict[str, Any]) -> None:
    answer = await control.post(_path(device), json=body)
    assert answer.status_code == 204, answer.text


async def _heal(control: httpx.AsyncClient, device: DeviceName) -> None:
    assert (await control.delete(_path(device))).status_code == 204


async def _overlaps(control: httpx.AsyncClient, device: DeviceName) -> list[dict[str, Any]]:
    items = (await control.get("/journal/overlaps")).json()["items"]
    return [item for item in items if item["device"] == str(device)]


async def _resumed(sandbox: Sandbox, folder: Path, device: DeviceName, event: str) -> None:
    async with running_client(sandbox, folder, str(device)) as client:
        await client.call("connect")
        await client.event(event)


async def _scanned(
    control: httpx.AsyncClient, sandbox: Sandbox, phone: Phone, folder: Path
) -> httpx.Response:
    async with running_client(sandbox, folder) as client:
        return await control.post(f"/phones/{phone.number}/scan", json={"code": await _code(client)})


async def _trouble(control: httpx.AsyncClient, code: str, kind: str | None) -> httpx.Response:
    return await control.post("/pairings/faults", json={"code": code, "kind": kind})


async def _code(client: Client) -> str:
    await client.call("connect")
    return str((await client.event("qr"))["data"])


def _path(device: DeviceName) -> str:
    return f"/devices/{device.number}/{device.device}/faults"
