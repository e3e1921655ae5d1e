"""A worker is gone: its sessions go on elsewhere, once, and never in two places."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
from sqlalchemy import text as sql
from sqlalchemy import update

from control_plane.db.engine import SystemSite
from control_plane.fleet.models import Worker
from control_plane.sessions.models import Session
from control_plane.supervision.recovery import place_orphans
from shared.contracts import told as words
from tests.fleet_client import CONNECTED, REPLACED, Fleet, bare, connect, qr, shown, state, text
from tests.waiting import until

DEVICE = words.Paired(device_jid="491510000001:1@s.whatsapp.net", business_name="", platform="android")


async def fence(fleet: Fleet, session: str) -> int | None:
    query = sql("SELECT epoch FROM whatsapp_store.fences WHERE session_id = :session")
    async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
        found: int | None = await db.scalar(query, {"session": bare(session)})
        return found


async def test_registering_again_raises_epochs_and_fences_and_ends_the_token(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, DEVICE, CONNECTED)
    assert await fence(fleet, session) == 1
    old_token, old_incarnation = worker.token, worker.incarnation
    again = await worker.register()
    assert (again["recoveryRequired"], again["assignedSessionCount"]) == (True, 1)
    assert again["incarnation"] == old_incarnation + 1
    assert ((await fleet.row(session)).epoch, await fence(fleet, session)) == (2, 2)
    assert await shown(person, session) == ("recovering", "worker_restarted")
    beat = {"incarnation": old_incarnation, "states": []}
    refused = await worker.call("POST", "/heartbeat", token=old_token, json=beat)
    assert (refused.status_code, refused.json()["code"]) == (409, "incarnation_replaced")
    assigned = (await worker.call("GET", "/sessions/assigned")).json()["sessions"]
    assert [(one["sessionId"], one["epoch"]) for one in assigned] == [(bare(session), 2)]
    results = [{"sessionId": bare(session), "epoch": 2, "status": "restored"}]
    told = await worker.call("POST", "/sessions/recovery-status", json={"results": results})
    assert told.status_code == 204
    await worker.tell(session, 2, CONNECTED)
    assert (await shown(person, session))[0] == "connected"


async def test_an_incarnation_that_was_replaced_is_told_no_orders_and_releases_nothing(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    old = worker.token
    await worker.register()
    assigned = await worker.call("GET", "/sessions/assigned", token=old)
    assert (assigned.status_code, assigned.json()["code"]) == (409, "incarnation_replaced")
    body = {"incarnation": 1, "sessions": [state(session, 2, "connected")]}
    released = await worker.call("POST", "/sessions/released", token=old, json=body)
    assert (released.status_code, released.json()["code"]) == (409, "incarnation_replaced")
    assert (await fleet.row(session)).epoch == 2


async def test_the_sessions_of_a_worker_that_is_proven_dead_move_at_once(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await first.tell(session, 1, DEVICE, CONNECTED)
    second = await fleet.worker()
    assert await fleet.take_over(first) == 1
    row = await fleet.row(session)
    assert (row.worker_id, row.epoch, await fence(fleet, session)) == (second.id, 2, 2)
    assert await shown(person, session) == ("recovering", "worker_lost")
    (order,) = (await second.beat())["start"]
    assert (order["epoch"], order["deviceJid"]) == (2, DEVICE.device_jid)
    refused = await first.try_to_beat(state(session, 1, "connected"))
    assert (refused.status_code, refused.json()["code"]) == (409, "incarnation_retired")
    assert await fleet.take_over(first) == 0


async def test_a_silent_worker_keeps_its_sessions_until_its_lease_is_over(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    second = await fleet.worker()
    assert await fleet.take_over(first, proven=False) == 0
    assert (await fleet.row(session)).worker_id == first.id
    await _end_lease(fleet, first.id)
    assert await fleet.take_over(first, proven=False) == 1
    assert (await fleet.row(session)).worker_id == second.id


async def test_a_lease_that_ended_but_was_not_swept_can_be_renewed(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await _end_lease(fleet, first.id)
    await first.beat(state(session, 1, "connected"))
    assert await fleet.take_over(first, proven=False) == 0


async def test_take_overs_at_the_same_time_move_each_session_once(fleet: Fleet):
    person, first = await fleet.owner(sessions=10), await fleet.worker()
    sessions = [await fleet.running(person, f"shop {number}") for number in range(5)]
    await fleet.worker()
    moved = await asyncio.gather(*(fleet.take_over(first) for _ in range(5)))
    assert sorted(moved) == [0, 0, 0, 0, 5]
    assert [(await fleet.row(session)).epoch for session in sessions] == [2] * 5


async def test_without_room_a_session_waits_and_starts_when_a_worker_registers(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    assert await fleet.take_over(first) == 0
    assert await shown(person, session) == ("recovering", "no_worker")
    assert (await fleet.row(session)).epoch == 1
    second = await fleet.worker()
    assert (await fleet.row(session)).worker_id == second.id
    assert [order["epoch"] for order in (await second.beat())["start"]] == [2]


async def test_one_that_waited_for_minutes_is_disconnected_and_still_starts_by_itself(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await first.tell(session, 1, DEVICE, CONNECTED)
    await fleet.take_over(first)
    async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
        await db.execute(update(Session).values(status_at=datetime.now(UTC) - timedelta(minutes=6)))
    async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
        await place_orphans(db)
    assert await shown(person, session) == ("disconnected", "no_worker")
    second = await fleet.worker()
    assert (await fleet.row(session)).worker_id == second.id
    assert (await shown(person, session))[0] == "recovering"


async def test_credentials_that_only_the_lost_worker_has_do_not_move(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker(store="sqlite")
    session = await fleet.running(person)
    await first.tell(session, 1, DEVICE, CONNECTED)
    await fleet.worker(store="sqlite")
    assert await fleet.take_over(first) == 0
    assert await shown(person, session) == ("recovering", "no_worker")
    assert (await first.register())["recoveryRequired"] is True
    assert (await fleet.row(session)).epoch == 2


async def test_a_session_that_nobody_wants_does_not_move(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await person.call("POST", f"/v1/sessions/{session}/disconnect")
    await fleet.worker()
    assert await fleet.take_over(first) == 0
    assert await shown(person, session) == ("disconnected", "requested")


async def test_a_session_that_was_to_be_logged_out_is_logged_out_when_its_worker_is_lost(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await first.tell(session, 1, DEVICE, CONNECTED)
    await person.call("POST", f"/v1/sessions/{session}/logout")
    await fleet.take_over(first)
    assert await shown(person, session) == ("logged_out", "logged_out_by_user")
    assert (await fleet.row(session)).device_jid is None


async def test_a_pairing_whose_worker_is_gone_begins_anew_elsewhere(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await first.tell(session, 1, qr("2@first"))
    second = await fleet.worker()
    assert await fleet.take_over(first) == 1
    assert await shown(person, session) == ("initializing", "starting")
    assert (await person.call("GET", f"/v1/sessions/{session}/qr")).json()["code"] == "no_qr"
    await second.tell(session, 2, qr("2@second"))
    assert await shown(person, session) == ("qr_pending", "waiting_for_scan")
    assert (await person.call("GET", f"/v1/sessions/{session}/qr")).json()["code"] == "2@second"
    steps = (await person.call("GET", f"/v1/sessions/{session}/timeline")).json()["items"]
    assert "worker_lost" in [step["detail"] for step in steps]


async def test_what_is_released_goes_to_somebody_else(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await first.tell(session, 1, DEVICE, CONNECTED)
    second = await fleet.worker()
    body = {"incarnation": 1, "sessions": [state(session, 0, "connected")]}
    await first.call("POST", "/sessions/released", json=body)
    assert (await fleet.row(session)).worker_id == first.id
    body["sessions"] = [state(session, 1, "connected")]
    for _ in range(2):
        answer = await first.call("POST", "/sessions/released", json=body)
        assert answer.status_code == 204
    row = await fleet.row(session)
    assert (row.worker_id, row.epoch) == (second.id, 2)
    assert await shown(person, session) == ("recovering", "moving")


async def test_a_draining_worker_gets_no_sessions_and_keeps_those_that_it_has(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    orders = await first.beat(state(session, 1, "connected"), draining=True)
    assert orders["stop"] == []
    other = await fleet.session(person, "other")
    assert (await connect(person, other)).json()["code"] == "no_worker_available"


async def test_a_client_that_its_predecessor_threw_out_comes_back_three_times_at_most(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await first.tell(session, 1, DEVICE, CONNECTED)
    second = await fleet.worker()
    await fleet.take_over(first)
    for number in range(3):
        epoch = (await fleet.row(session)).epoch
        await second.tell(session, epoch, CONNECTED, REPLACED)
        assert await shown(person, session) == ("recovering", "moving")
        assert (await second.beat())["start"] == [], "not before its pause is over"
        await _comes_back(fleet, session, epoch)
        assert (await fleet.row(session)).comebacks == number + 1
    epoch = (await fleet.row(session)).epoch
    await second.tell(session, epoch, CONNECTED, REPLACED)
    assert await shown(person, session) == ("disconnected", "replaced")
    assert (await fleet.row(session)).wanted == "stop"


async def test_a_client_that_its_owner_replaced_elsewhere_stays_away(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, DEVICE, CONNECTED, REPLACED)
    assert await shown(person, session) == ("disconnected", "replaced")


async def test_a_frozen_writer_does_not_stop_a_take_over(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await first.tell(session, 1, qr(), DEVICE, CONNECTED)
    second = await fleet.worker()
    frozen = await asyncpg.connect(
        fleet.replica.parts.database.dsn, server_settings={"application_name": f"{bare(session)}:1"}
    )
    transaction = frozen.transaction()
    await transaction.start()
    held = await frozen.fetchval(
        "SELECT epoch FROM whatsapp_store.fences WHERE session_id = $1 FOR SHARE", bare(session)
    )
    assert held == 1
    assert await fleet.take_over(first) == 1
    assert ((await fleet.row(session)).worker_id, await fence(fleet, session)) == (second.id, 2)

    async def ended() -> bool:
        return bool(frozen.is_closed())

    await until(ended)


async def test_what_was_seen_before_the_end_is_still_taken_after_it(fleet: Fleet):
    person, first = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await fleet.worker()
    await fleet.take_over(first)
    assert await first.tell(session, 1, text("spooled")) == 1
    found = (await person.call("GET", f"/v1/sessions/{session}/messages")).json()["items"]
    assert [one["text"] for one in found] == ["spooled"]


async def _end_lease(fleet: Fleet, worker_id: str) -> None:
    over = datetime.now(UTC) - timedelta(seconds=1)
    async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
        await db.execute(update(Worker).where(Worker.id == worker_id).values(lease_until=over))


async def _comes_back(fleet: Fleet, session: str, epoch: int) -> None:
    """The loops of the background do not run here: each look of the sweeper is ours."""

    async def raised() -> bool:
        async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
            await place_orphans(db)
        return (await fleet.row(session)).epoch == epoch + 1

    await until(raised, within=20)


async def test_a_deleted_session_leaves_no_fence_that_its_client_could_pass(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    assert await fence(fleet, session) == 1
    assert (await person.call("DELETE", f"/v1/sessions/{session}")).status_code == 204
    assert await fence(fleet, session) is None
    assert (await worker.beat(state(session, 1, "connected")))["lost"] == [bare(session)]
