"""Sessions that are ill become well by themselves, move to where there is room, and leave nothing behind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import TEMPLATE
from tests.fleet.stage import Stage, stage
from tests.waiting import until

DEVICES = "SELECT jid FROM whatsapp_store.whatsmeow_device"


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, TEMPLATE, WAYPOST_REBALANCE_SECONDS="0.2") as opened:
        await opened.start_worker("worker-1", WAYPOST_PROBE_SECONDS="1")
        yield opened


async def becomes(fleet: Stage, name: str, status: str) -> None:
    async def it_is() -> bool:
        return bool((await fleet.session(name))["status"] == status)

    await until(it_is, within=40)


async def devices(fleet: Stage) -> int:
    return len(await fleet.tables.ask(DEVICES))


async def test_a_session_that_says_connected_and_is_deaf_is_found_and_heals(fleet: Stage):
    await fleet.new_session("shop")
    phone = (await fleet.session("shop"))["phone"]
    await fleet.call("POST", "/v1/sandbox/sessions/shop/faults", 204, json={"kind": "deaf"})
    await becomes(fleet, "shop", "reconnecting")
    assert (await fleet.session("shop"))["statusReason"] == "deaf"
    await fleet.call("DELETE", "/v1/sandbox/sessions/shop/faults", 204)
    await becomes(fleet, "shop", "connected")
    steps = await fleet.timeline("shop")
    assert steps[-2:] == [("reconnecting", "deaf"), ("connected", "logged_in")]
    await fleet.phone_writes("shop", "+4915100000031", "do you hear me?")
    await fleet.hears("shop", ["do you hear me?"])
    assert (await fleet.session("shop"))["phone"] == phone

    async def counted() -> bool:
        probe = (await fleet.call("GET", "/v1/sessions/shop/analytics", 200))["lastProbe"]
        return bool(probe and probe["unanswered"] >= 1 and probe["answered"])

    await until(counted)


async def test_what_is_deleted_or_logged_out_leaves_no_credentials_and_no_linked_device(fleet: Stage):
    for name in ("running", "stopped", "logged-out"):
        await fleet.new_session(name)
    phones = {name: (await fleet.session(name))["phone"] for name in ("running", "stopped", "logged-out")}
    assert await devices(fleet) == 3
    for name in ("stopped", "logged-out"):
        await fleet.call("POST", f"/v1/sessions/{name}/disconnect", 200)
    await fleet.call("DELETE", "/v1/sessions/running", 204)
    assert await fleet.network.companions(phones["running"]) == 0
    assert await devices(fleet) == 2
    await fleet.call("DELETE", "/v1/sessions/stopped", 204)
    assert await devices(fleet) == 1
    await fleet.call("POST", "/v1/sessions/logged-out/logout", 202)
    assert await devices(fleet) == 0
    assert (await fleet.session("logged-out"))["status"] == "logged_out"


async def test_sessions_move_to_a_worker_that_joins_and_none_of_them_is_scanned_again(fleet: Stage):
    names = [f"shop-{number}" for number in range(4)]
    for name in names:
        await fleet.new_session(name)
    await fleet.start_worker("worker-2")

    async def even() -> bool:
        places = [(await fleet.session(name))["workerId"] for name in names]
        return sorted(places) == ["worker-1", "worker-1", "worker-2", "worker-2"]

    await until(even, within=60)
    await fleet.connected(*names)
    for name in names:
        steps = await fleet.timeline(name)
        assert [step for step in steps if step[0] == "qr_pending"] == [("qr_pending", "waiting_for_scan")]
    await fleet.phone_writes("shop-0", "+4915100000032", "where are you?")
    await fleet.hears("shop-0", ["where are you?"])
