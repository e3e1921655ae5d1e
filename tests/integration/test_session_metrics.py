"""The figures of all of one's sessions in one answer."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert

from control_plane.db.engine import SystemSite
from control_plane.messages.models import Message
from control_plane.sessions.models import SessionProbe
from shared.contracts import told as words
from shared.ids import new_uuid
from shared.session_state import Reason, SessionState
from tests.factories import Person
from tests.fleet_client import CONNECTED, Fleet, bare, qr, seen

LOST = seen(SessionState.RECONNECTING, Reason.CONNECTION_LOST)
LOGGED_OUT = seen(SessionState.LOGGED_OUT, Reason.LOGGED_OUT_BY_PHONE, words.Then.FORGET)
BANNED = seen(SessionState.AUTH_FAILED, Reason.BANNED, words.Then.STOP)


async def metrics(person: Person, bearer: str | None = None) -> dict[str, Any]:
    answer = await person.call("GET", "/v1/sessions/metrics", bearer=bearer)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def write(fleet: Fleet, model: Any, session: str, **values: Any) -> None:
    row = await fleet.row(session)
    async with fleet.replica.parts.database.system(SystemSite.ADMIN) as db:
        await db.execute(insert(model).values(session_id=row.id, user_id=row.user_id, **values))


async def test_an_account_without_sessions_has_figures_of_nothing(fleet: Fleet):
    found = await metrics(await fleet.owner())
    assert (found["totalSessions"], found["activeConnections"], found["errors"]) == (0, 0, 0)
    assert found["byStatus"] == {state.value: 0 for state in SessionState}
    assert found["lastError"] is None
    assert found["health"] == {"healthy": 0, "unhealthy": 0, "unknown": 0, "checkedAt": None}
    assert datetime.fromisoformat(found["timestamp"]) <= datetime.now(UTC)


async def test_sessions_are_counted_by_what_became_of_them(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    one, two, three = [await fleet.running(person, name) for name in ("one", "two", "three")]
    await fleet.session(person, "four")
    await worker.tell(one, 1, qr(number=1), qr("2@next", number=2), CONNECTED)
    await worker.tell(two, 1, qr(), CONNECTED, LOST, LOGGED_OUT)
    await worker.tell(three, 1, BANNED)
    found = await metrics(person)
    assert (found["totalSessions"], found["activeConnections"]) == (4, 1)
    assert {state: count for state, count in found["byStatus"].items() if count} == {
        "connected": 1,
        "logged_out": 1,
        "auth_failed": 1,
        "disconnected": 1,
    }
    assert found["qrCodesGenerated"] == 3
    assert (found["errors"], found["failedReconnects"]) == (2, 1)
    error = found["lastError"]
    assert (error["sessionId"], error["status"], error["reason"]) == (three, "auth_failed", "banned")


async def test_what_the_owner_asked_for_is_no_error(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, LOST)
    assert (await person.call("POST", f"/v1/sessions/{session}/disconnect")).status_code == 200
    found = await metrics(person)
    assert (found["errors"], found["failedReconnects"], found["lastError"]) == (0, 0, None)


async def test_messages_of_the_last_day_are_counted(fleet: Fleet):
    person = await fleet.owner()
    session = await fleet.session(person)
    sent = {"direction": "outbound", "status": "delivered", "ack": 2}
    for values in (
        sent,
        {**sent, "created_at": datetime.now(UTC) - timedelta(hours=25)},
        {**sent, "history": True},
        {"direction": "outbound", "status": "failed"},
        {"direction": "inbound", "status": "received"},
        {"direction": "inbound", "status": "received"},
    ):
        await write(fleet, Message, session, id=new_uuid(), **values)
    found = await metrics(person)
    assert (found["messagesSent"], found["messagesReceived"], found["messagesFailed"]) == (1, 2, 1)
    since, now = (datetime.fromisoformat(found[name]) for name in ("since", "timestamp"))
    assert now - since == timedelta(days=1)


async def test_health_is_what_the_last_probes_of_present_owners_found(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    now = datetime.now(UTC)
    probes: dict[str, dict[str, Any]] = {
        "well": {"answered": True},
        "ill": {"answered": False},
        "stale": {"answered": True, "probed_at": now - timedelta(minutes=10)},
        "of-another": {"answered": True, "epoch": 0},
    }
    for name, values in probes.items():
        session = await fleet.running(person, name)
        await worker.tell(session, 1, CONNECTED)
        await write(fleet, SessionProbe, session, **{"epoch": 1, "probed_at": now, **values})
    deaf = await fleet.running(person, "deaf")
    await worker.tell(deaf, 1, CONNECTED, seen(SessionState.RECONNECTING, Reason.DEAF))
    health = (await metrics(person))["health"]
    assert (health["healthy"], health["unhealthy"], health["unknown"]) == (1, 2, 2)
    assert datetime.fromisoformat(health["checkedAt"]) == now


async def test_nobody_sees_another_account_and_a_test_key_sees_sandboxes(fleet: Fleet):
    owner, stranger, worker = await fleet.owner(), await fleet.owner(), await fleet.worker()
    real = await fleet.running(owner, "real")
    toy = await fleet.running(owner, "toy", sandbox=True)
    for session in (real, toy):
        await worker.tell(session, 1, qr(), CONNECTED, LOST, BANNED)
        await write(fleet, Message, session, id=new_uuid(), direction="inbound", status="received")
    key = (await owner.new_key(mode="test"))["key"]
    for bearer, many in ((None, 2), (key, 1)):
        found = await metrics(owner, bearer)
        numbers = [
            found[name] for name in ("totalSessions", "qrCodesGenerated", "messagesReceived", "errors")
        ]
        assert [*numbers, found["failedReconnects"]] == [many] * 5
    assert (await metrics(owner, key))["lastError"]["sessionId"] == toy
    other = await metrics(stranger)
    assert (other["totalSessions"], other["messagesReceived"], other["errors"]) == (0, 0, 0)
    refused = await owner.call(
        "GET", "/v1/sessions/metrics", bearer=(await owner.new_key(scopes=["events:read"]))["key"]
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")


async def test_many_sessions_take_as_few_statements_as_one(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    first = await fleet.running(person, "first")
    await worker.tell(first, 1, CONNECTED, LOST, BANNED)
    await metrics(person)
    with statements(fleet) as of_one:
        await metrics(person)
    for number in range(9):
        session = await fleet.running(person, f"shop-{number}")
        await worker.tell(session, 1, CONNECTED, LOST, BANNED)
    with statements(fleet) as of_ten:
        await metrics(person)
    # Three, and the one that says whose they are.
    assert len(of_one) == len(of_ten) == 4, of_ten


@pytest.mark.parametrize("name", ["metrics", "Metrics", " METRICS ", "bulk"])
async def test_a_word_of_an_address_is_no_name(fleet: Fleet, name: str):
    person = await fleet.owner()
    refused = await person.call("POST", "/v1/sessions", json={"name": name})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_id")
    assert "reserved" in refused.json()["detail"]
    session = await fleet.session(person)
    refused = await person.call("PATCH", f"/v1/sessions/{session}", json={"name": name})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_id")
    assert (await person.call("GET", "/v1/users/me/usage")).json()["usage"]["sessions"]["used"] == 1


async def test_a_code_is_counted_once_however_often_its_batch_comes(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    batch = [worker.event(session, 1, qr(number=number)) for number in (1, 2)]
    await worker.ship(*batch)
    await worker.ship(*batch)
    await worker.tell(session, 7, qr(number=3))
    row = await fleet.row(session)
    assert (row.qr_codes, row.id) == (2, uuid.UUID(bare(session)))


@contextmanager
def statements(fleet: Fleet) -> Iterator[list[str]]:
    """What is asked as a tenant."""
    engine, seen_there = fleet.replica.parts.database._app.sync_engine, []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen_there.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen_there
    event.remove(engine, "before_cursor_execute", note)
