"""A pairing as its owner sees it: codes that are pushed, a scan, and what may go wrong on the way."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TEMPLATE
from tests.fleet.live_events import live_events
from tests.fleet.stage import Stage, stage
from tests.fleet.user import User
from tests.waiting import until


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, TEMPLATE) as opened:
        await opened.start_worker("worker-1")
        yield opened


async def test_codes_come_by_push_until_the_phone_has_scanned_one(fleet: Stage):
    made = await fleet.call("POST", "/v1/sessions", 201, json={"name": "shop", "sandbox": True})
    key = await fleet.call("POST", "/v1/api-keys", 201, json={"name": "test", "mode": "test"})
    async with live_events(fleet) as stream, live_events(fleet, bearer=key["key"]) as of_the_key:
        await fleet.call("POST", "/v1/sessions/shop/connect", 202, json={"wait": 0})
        assert (await stream.next("session.status"))["data"]["status"] == "initializing"
        await stream.next("session.status", status="qr_pending", statusReason="waiting_for_scan")
        first = await stream.next("session.qr")
        assert (first["sessionId"], first["data"]["number"]) == (made["id"], 1)
        expires = datetime.fromisoformat(first["data"]["expiresAt"])
        assert timedelta(0) < expires - datetime.now(UTC) <= timedelta(seconds=60)
        assert await code_served(fleet) == first["data"]["code"]

        await fleet.call("POST", "/v1/sessions/shop/refresh-qr", 202)
        second = await stream.next("session.qr")
        assert second["data"]["code"] != first["data"]["code"]
        assert await code_served(fleet) == second["data"]["code"]

        await fleet.call("POST", "/v1/sandbox/sessions/shop/scan", 200, json={})
        await stream.next("session.authenticated")
        await stream.next("session.status", status="connected")
        assert (await fleet.call("GET", "/v1/sessions/shop/qr", 404))["code"] == "no_qr"
        for event in (first, second):
            assert (await of_the_key.next("session.qr"))["id"] == event["id"]
        await of_the_key.next("session.authenticated")


async def test_the_letters_of_a_pairing_by_code_come_by_push_as_well(fleet: Stage):
    phone = "+4915100000021"
    await fleet.call("POST", "/v1/sessions", 201, json={"name": "shop", "sandbox": True})
    # Gives the number an account on the network.
    await fleet.new_session("other")
    await fleet.phone_writes("other", phone, "hello")
    async with live_events(fleet) as stream:
        body = {"method": "code", "phone": phone, "wait": 0}
        await fleet.call("POST", "/v1/sessions/shop/connect", 202, json=body)
        letters = await stream.next("session.pairing_code")
        assert datetime.fromisoformat(letters["data"]["expiresAt"]) > datetime.now(UTC)
        await strike(fleet, "shop", {"kind": "passkey"})
        refused = await fleet.call("POST", "/v1/sandbox/sessions/shop/scan", 409, json={})
        assert refused["code"] == "pairing_refused"
        await stream.next("session.status", status="auth_failed", statusReason="passkey_required")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("passkey", "passkey_required"), ("outdated", "outdated"), ("forged", "pairing_failed")],
)
async def test_a_pairing_that_is_struck_fails_alone(fleet: Stage, kind: str, reason: str):
    stranger = User(str(fleet.client.base_url), fleet.database_url)
    await stranger.sign_up()
    for user in (fleet, stranger):
        await connecting(user, "shop")
    await strike(fleet, "shop", {"kind": kind})
    refused = await fleet.call("POST", "/v1/sandbox/sessions/shop/scan", 409, json={})
    assert refused["code"] == "pairing_refused"
    await status(fleet, "shop", "auth_failed", reason)
    await stranger.call("POST", "/v1/sandbox/sessions/shop/scan", 200, json={})
    await stranger.connected("shop")
    await stranger.client.aclose()

    # The next attempt is a pairing of its own, and this one is healed in time.
    await connecting(fleet, "shop")
    await strike(fleet, "shop", {"kind": kind})
    await fleet.call("DELETE", "/v1/sandbox/sessions/shop/faults", 204)
    await fleet.call("POST", "/v1/sandbox/sessions/shop/scan", 200, json={})
    await fleet.connected("shop")


async def test_a_device_has_the_trouble_that_was_asked_for_until_it_is_healed(fleet: Stage):
    await fleet.new_session("shop")
    await strike(fleet, "shop", {"kind": "slow", "delay": 0.01})
    await strike(fleet, "shop", {"kind": "banned", "seconds": 60})
    await status(fleet, "shop", "auth_failed", "banned")
    await fleet.call("POST", "/v1/sessions/shop/connect", 202, json={"wait": 0})
    await status(fleet, "shop", "auth_failed", "banned")
    await fleet.call("DELETE", "/v1/sandbox/sessions/shop/faults", 204)
    await fleet.call("POST", "/v1/sessions/shop/connect", 202, json={"wait": 0})
    await fleet.connected("shop")

    refused = await fleet.call("POST", "/v1/sandbox/sessions/shop/faults", 404, json={"kind": "passkey"})
    assert refused["code"] == "no_qr"
    await strike(fleet, "shop", {"kind": "logged_out"})
    await status(fleet, "shop", "logged_out", "logged_out_by_phone")
    refused = await fleet.call("POST", "/v1/sandbox/sessions/shop/faults", 409, json={"kind": "deaf"})
    assert refused["code"] == "session_not_connected"
    await fleet.call("DELETE", "/v1/sandbox/sessions/shop/faults", 204)


async def test_a_message_without_a_session_goes_through_the_primary_one(fleet: Stage):
    body = {"to": "+4915100000022", "text": "by whom?"}
    await fleet.new_session("first")
    await fleet.new_session("second")
    for name in ("first", "second"):
        await fleet.call("POST", f"/v1/sessions/{name}/set-primary", 200)
        # Gives the number an account on the network.
        await fleet.phone_writes(name, body["to"], "hello")
        sent = await fleet.call("POST", "/v1/messages", 201, json=body)
        assert sent["status"] in {"sent", "delivered"}
        inbox = await fleet.call(
            "GET", f"/v1/sandbox/sessions/{name}/inbox", 200, params={"from": body["to"]}
        )
        assert [item["text"] for item in inbox["items"]] == ["by whom?"]


async def connecting(user: User, name: str) -> None:
    if (await user.client.get(f"/v1/sessions/{name}")).status_code == 404:
        await user.call("POST", "/v1/sessions", 201, json={"name": name, "sandbox": True})
    shown: dict[str, Any] = await user.call("POST", f"/v1/sessions/{name}/connect", 202, json={"wait": 20})
    assert shown["qr"], shown


async def strike(user: User, name: str, body: dict[str, Any]) -> None:
    await user.call("POST", f"/v1/sandbox/sessions/{name}/faults", 204, json=body)


async def status(user: User, name: str, expected: str, reason: str) -> None:
    async def reached() -> bool:
        found = await user.session(name)
        return (found["status"], found["statusReason"]) == (expected, reason)

    await until(reached, within=30)


async def code_served(fleet: Stage) -> str:
    return str((await fleet.call("GET", "/v1/sessions/shop/qr", 200))["code"])
