"""The fleet as its users meet it: processes, PostgreSQL, the real library, virtual phones."""

import signal

import pytest

from tests.fleet.stage import Stage
from tests.waiting import until

_ANN = "+4915100000011"


@pytest.fixture
def fleet(short_fleet: Stage) -> Stage:
    return short_fleet


async def test_from_a_card_to_messages_both_ways(fleet: Stage):
    await fleet.call("POST", "/v1/sessions", 201, json={"name": "Shop_One", "sandbox": True})
    refused = await fleet.call("POST", "/v1/sessions/shop-one/connect", 503)
    assert refused["code"] == "no_worker_available"
    await fleet.start_worker("worker-1")
    connecting = await fleet.call("POST", "/v1/sessions/shop-one/connect", 202, json={"wait": 20})
    assert (connecting["status"], connecting["workerId"]) == ("qr_pending", "worker-1")
    shown = await fleet.call("GET", "/v1/sessions/shop-one/qr", 200)
    assert shown["code"] == connecting["qr"]["code"]
    assert shown["png"].startswith("data:image/png;base64,")
    picture = await fleet.call("GET", "/v1/sessions/shop-one/qr", 200, headers={"Accept": "image/png"})
    assert picture.startswith(b"\x89PNG")
    drawing = await fleet.call("GET", "/v1/sessions/shop-one/qr", 200, headers={"Accept": "image/svg+xml"})
    assert b"<svg" in drawing
    await fleet.call("POST", "/v1/sandbox/sessions/shop-one/scan", 200, json={})
    await fleet.connected("shop-one")
    assert (await fleet.call("GET", "/v1/sessions/shop-one/qr", 404))["code"] == "no_qr"

    await fleet.call("POST", "/v1/sandbox/sessions/shop-one/incoming", 201, json={"from": _ANN, "text": "hi"})
    body = {"to": _ANN, "text": "hello \N{WAVING HAND SIGN}"}
    sent = await fleet.call("POST", "/v1/sessions/shop-one/messages", 201, json=body)
    assert sent["status"] in {"sent", "delivered"}
    assert sent["whatsappMessageId"]

    async def all_there() -> bool:
        one = await fleet.call("GET", f"/v1/messages/{sent['id']}", 200)
        return bool(one["status"] == "delivered" and "hi" in await fleet.texts("shop-one", "inbound"))

    await until(all_there)
    inbox = await fleet.call("GET", "/v1/sandbox/sessions/shop-one/inbox", 200, params={"from": _ANN})
    assert [item["text"] for item in inbox["items"]] == ["hello \N{WAVING HAND SIGN}"]
    events = (await fleet.call("GET", "/v1/events?limit=200", 200))["items"]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    kinds = {event["type"] for event in events}
    assert kinds >= {"session.status", "session.qr", "message.sent", "message.received", "message.ack"}

    read = {"messageId": sent["id"], "type": "read"}
    await fleet.call("POST", "/v1/sandbox/sessions/shop-one/receipts", 204, json=read)
    unknown = {"messageId": "msg-nobody", "type": "read"}
    await fleet.call("POST", "/v1/sandbox/sessions/shop-one/receipts", 404, json=unknown)

    async def is_read() -> bool:
        return str((await fleet.call("GET", f"/v1/messages/{sent['id']}", 200))["status"]) == "read"

    await until(is_read)

    await fleet.call("POST", "/v1/sessions/shop-one/disconnect", 200)
    refused = await fleet.call("POST", "/v1/sessions/shop-one/messages", 409, json=body)
    assert refused["detail"] == "Client not found. Please reconnect the session."
    await fleet.call("POST", "/v1/sessions/shop-one/connect", 202)
    await fleet.connected("shop-one")
    await fleet.call("POST", "/v1/sessions/shop-one/logout", 202)

    async def logged_out() -> bool:
        return str((await fleet.session("shop-one"))["status"]) == "logged_out"

    await until(logged_out)
    assert await fleet.network.overlaps() == []


async def test_a_virtual_phone_of_one_account_is_linked_to_no_other(fleet: Stage):
    await fleet.start_worker("worker-1")
    await fleet.new_session("shop-1")
    phone = (await fleet.session("shop-1"))["phone"]
    await fleet.sign_up()
    await fleet.call("POST", "/v1/sessions", 201, json={"name": "shop-2", "sandbox": True})
    await fleet.call("POST", "/v1/sessions/shop-2/connect", 202, json={"wait": 20})
    refused = await fleet.call("POST", "/v1/sandbox/sessions/shop-2/scan", 422, json={"phone": phone})
    assert refused["errors"] == [{"pointer": "/phone", "detail": "is taken"}]
    await fleet.call("POST", "/v1/sandbox/sessions/shop-2/scan", 200, json={})
    await fleet.connected("shop-2")


async def test_sessions_of_a_killed_worker_live_on_elsewhere_without_a_scan(fleet: Stage):
    first = await fleet.start_worker("worker-1")
    names = [f"shop-{number}" for number in range(1, 5)]
    for name in names:
        await fleet.new_session(name)
    await fleet.start_worker("worker-2")
    await first.kill()
    await fleet.connected(*names, on="worker-2")
    # Known by its stream, and not by the end of its lease.
    assert await fleet.tables.end_of("worker-1") == "its process ended"
    for name in names:
        await fleet.phone_writes(name, _ANN, f"to {name}")
        body = {"to": _ANN, "text": f"from {name}"}
        sent = await fleet.call("POST", f"/v1/sessions/{name}/messages", 201, json=body)
        assert sent["status"] in {"sent", "delivered"}
        assert ("recovering", "worker_lost") in await fleet.timeline(name)

    async def heard() -> bool:
        return all([f"to {name}" in await fleet.texts(name, "inbound") for name in names])

    await until(heard)
    assert await fleet.network.overlaps() == []


async def test_a_worker_that_is_asked_to_end_hands_its_sessions_over(fleet: Stage):
    first = await fleet.start_worker("worker-1")
    await fleet.new_session("shop-1")
    await fleet.new_session("shop-2")
    await fleet.start_worker("worker-2")
    first.signal(signal.SIGTERM)
    assert await first.ended(within=20) == 0
    await fleet.connected("shop-1", "shop-2", on="worker-2")
    assert ("recovering", "moving") in await fleet.timeline("shop-1")
    assert await fleet.network.overlaps() == []


async def test_of_two_processes_with_one_id_the_older_ends(fleet: Stage):
    first = await fleet.start_worker("worker-1")
    await fleet.new_session("shop-1")
    second = await fleet.start_worker("worker-1", WAYPOST_DATA_DIR=str(fleet.folder / "another"))
    assert await first.ended(within=20) == 1
    assert "another process works as worker-1 now" in first.log.read_text()
    await fleet.connected("shop-1", on="worker-1")
    second.signal(signal.SIGTERM)
    assert await second.ended(within=20) == 0
