"""Each heartbeat renews the lease, and brings what runs and what should run together."""

from control_plane.db.engine import SystemSite
from control_plane.sessions.models import SessionProbe
from shared.ids import parse_public_id
from tests.fleet_client import CONNECTED, Fleet, bare, shown, state


async def test_a_heartbeat_renews_the_lease_and_tells_how_the_worker_is(fleet: Fleet):
    worker = await fleet.worker()
    before = (await fleet.worker_row(worker.id)).lease_until
    counts = {"total": 5, "connected": 2, "disconnected": 1, "qr_required": 1, "error": 1}
    answer = await worker.beat(
        cpu=12.5, memory=40, uptime=60, capacity=7, version="2.0", sessions=counts, spooled=3
    )
    row = await fleet.worker_row(worker.id)
    assert before is not None
    assert row.lease_until is not None
    assert row.lease_until > before
    assert answer["leaseUntil"] == row.lease_until.isoformat()
    assert (row.cpu, row.memory, row.uptime, row.capacity, row.version) == (12.5, 40, 60, 7, "2.0")
    assert (row.counts, row.spooled) == (counts, 3)


async def test_the_old_form_with_a_plain_count_renews_the_lease_and_orders_nothing(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    await fleet.running(person)
    answer = await worker.call(
        "POST", "/heartbeat", json={"incarnation": worker.incarnation, "sessionCount": 4}
    )
    assert answer.status_code == 200
    assert (answer.json()["start"], answer.json()["stop"], answer.json()["lost"]) == ([], [], [])
    assert (await fleet.worker_row(worker.id)).counts == {"total": 4}


async def test_a_heartbeat_of_another_incarnation_than_the_tokens_is_refused(fleet: Fleet):
    worker = await fleet.worker()
    answer = await worker.call("POST", "/heartbeat", json={"incarnation": worker.incarnation + 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "incarnation_replaced")


async def test_a_state_that_differs_is_corrected_and_counted(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED)
    await worker.beat(state(session, 1, "reconnecting", "deaf"))
    assert await shown(person, session) == ("reconnecting", "deaf")
    await worker.beat(state(session, 1, "connected", "banned"))
    assert await shown(person, session) == ("connected", "logged_in")


async def test_while_events_are_on_their_way_a_heartbeat_corrects_nothing(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.beat(state(session, 1, "connected"), spooled=1)
    assert await shown(person, session) == ("initializing", "starting")


async def test_a_state_of_an_earlier_epoch_corrects_nothing_and_is_started_anew(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await person.call("POST", f"/v1/sessions/{session}/restart")
    orders = await worker.beat(state(session, 1, "logged_out"))
    assert [order["epoch"] for order in orders["start"]] == [2]
    assert (await shown(person, session))[0] != "logged_out"


async def test_a_change_that_the_table_of_states_forbids_is_not_made(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED)
    await worker.beat(state(session, 1, "qr_pending"))
    assert (await shown(person, session))[0] == "connected"


async def test_a_session_of_somebody_else_is_lost_and_its_state_is_not_believed(fleet: Fleet):
    person, owner = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    stranger = await fleet.worker()
    odd = {"id": "no id", "epoch": 1, "status": "connected"}
    orders = await stranger.beat(state(session, 1, "logged_out"), odd)
    assert (orders["start"], orders["lost"]) == ([], [bare(session), "no id"])
    assert (await shown(person, session), (await fleet.row(session)).worker_id) == (
        ("initializing", "starting"),
        owner.id,
    )


async def test_a_session_that_is_stopped_is_stopped_until_it_is_gone_and_then_is_nobodys(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await person.call("POST", f"/v1/sessions/{session}/disconnect")
    for _ in range(2):
        orders = await worker.beat(state(session, 1, "connected"))
        assert [(order["sessionId"], order["logOut"]) for order in orders["stop"]] == [(bare(session), False)]
    assert (await worker.beat())["stop"] == []
    assert (await fleet.row(session)).worker_id is None
    assert (await shown(person, session))[0] == "disconnected"


async def test_a_log_out_reaches_the_client_itself(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED)
    await person.call("POST", f"/v1/sessions/{session}/logout")
    orders = await worker.beat(state(session, 1, "connected"))
    assert [(order["sessionId"], order["logOut"]) for order in orders["stop"]] == [(bare(session), True)]


async def test_a_log_out_whose_client_is_gone_is_done_by_forgetting(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED)
    await person.call("POST", f"/v1/sessions/{session}/logout")
    await worker.register()
    await worker.beat()
    assert await shown(person, session) == ("logged_out", "logged_out_by_user")
    assert (await fleet.row(session)).wanted == "stop"


def probe(session: str, epoch: int, probes: int = 1, unanswered: int = 0, milliseconds: float = 12.5):
    numbers = {"probes": probes, "unanswered": unanswered, "milliseconds": milliseconds}
    return {"id": bare(session), "epoch": epoch, **numbers}


async def probes_of(fleet: Fleet, session: str) -> SessionProbe | None:
    async with fleet.replica.parts.database.system(SystemSite.ADMIN) as db:
        return await db.get(SessionProbe, parse_public_id("ses", session))


async def test_what_probes_found_is_kept_and_counted(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.beat(probes=[probe(session, 1)])
    found = await probes_of(fleet, session)
    assert found is not None
    assert (found.answered, found.milliseconds, found.probes, found.unanswered) == (True, 12.5, 1, 0)
    await worker.beat(probes=[probe(session, 1, probes=2, unanswered=2, milliseconds=0)])
    found = await probes_of(fleet, session)
    assert found is not None
    assert (found.answered, found.probes, found.unanswered) == (False, 3, 2)


async def test_probes_of_what_a_worker_does_not_own_are_nobodys(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    stranger = await fleet.worker()
    await stranger.beat(probes=[probe(session, 1)])
    odd = {**probe(session, 1), "id": "no id"}
    await worker.beat(probes=[probe(session, 7), probe(session, 2**70), odd])
    assert await probes_of(fleet, session) is None
    await worker.beat(probes=[probe(session, 1, probes=2**80, unanswered=-5)])
    found = await probes_of(fleet, session)
    assert found is not None
    assert found.unanswered == 0
