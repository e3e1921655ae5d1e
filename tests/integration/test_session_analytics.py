"""How one session did over a time: from what its worker told to the figures over HTTP."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from control_plane.db.engine import SystemSite
from control_plane.messages.analytics import figures as session_figures
from control_plane.messages.analytics import sessions as session_analytics
from control_plane.messages.models import Message
from control_plane.sessions.models import Session, SessionChange, SessionProbe
from shared.contracts import told as words
from shared.ids import new_uuid
from shared.session_state import Reason, SessionState
from tests.factories import Person
from tests.fleet_client import CONNECTED, Fleet, bare, connect, qr, seen, text

LOST = seen(SessionState.RECONNECTING, Reason.CONNECTION_LOST)
BANNED = seen(SessionState.AUTH_FAILED, Reason.BANNED, words.Then.STOP)
PAIRED = seen(SessionState.INITIALIZING, Reason.PAIRED)
UNKNOWN = "ses-00000000-0000-7000-8000-000000000000"


async def analytics(person: Person, session: str, **window: str) -> dict[str, Any]:
    answer = await person.call("GET", f"/v1/sessions/{session}/analytics", params=window)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def born(fleet: Fleet, session: str, **ago: float) -> None:
    created_at = datetime.now(UTC) - timedelta(**ago)
    async with fleet.replica.parts.database.system(SystemSite.ADMIN) as db:
        await db.execute(
            update(Session).where(Session.id == uuid.UUID(bare(session))).values(created_at=created_at)
        )


async def write_changes(
    fleet: Fleet, session: str, *steps: tuple[timedelta, SessionState, SessionState, Reason]
) -> None:
    """As they were so long ago."""
    row, now = await fleet.row(session), datetime.now(UTC)
    rows = [
        {
            "id": new_uuid(),
            "user_id": row.user_id,
            "session_id": row.id,
            "created_at": now - ago,
            "before": before,
            "after": after,
            "reason": reason,
            "epoch": 1,
        }
        for ago, before, after, reason in steps
    ]
    async with fleet.replica.parts.database.system(SystemSite.ADMIN) as db:
        await db.execute(insert(SessionChange), rows)


async def write_probe(fleet: Fleet, session: str, **values: Any) -> None:
    row = await fleet.row(session)
    whole = {"epoch": row.epoch, "probed_at": datetime.now(UTC), "answered": True, "probes": 4, **values}
    async with fleet.replica.parts.database.system(SystemSite.ADMIN) as db:
        await db.execute(insert(SessionProbe).values(session_id=row.id, user_id=row.user_id, **whole))


async def write_messages(fleet: Fleet, session: str, *rows: dict[str, Any]) -> None:
    row = await fleet.row(session)
    whole = [{"id": new_uuid(), "user_id": row.user_id, "session_id": row.id, **each} for each in rows]
    async with fleet.replica.parts.database.system(SystemSite.ADMIN) as db:
        for each in whole:
            await db.execute(insert(Message).values(**each))


async def test_a_session_is_followed_from_its_start_to_its_end(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, qr(number=1), qr("2@next", number=2), PAIRED, CONNECTED)
    await worker.tell(session, 1, LOST, CONNECTED)
    for found in (await analytics(person, session), await analytics(person, "Shop")):
        assert found["sessionId"] == session
        assert (found["timeToQr"]["count"], found["timeToConnect"]["count"]) == (1, 1)
        assert 0 <= found["timeToQr"]["lastSeconds"] == found["timeToQr"]["p95Seconds"] < 60
        assert found["reconnects"] == {"count": 1, "byReason": {"connection_lost": 1}}
        assert found["qrCodesShown"] == 2
        assert found["uptime"]["longestOutage"]["reason"] == "connection_lost"
        assert found["uptime"]["longestOutage"]["until"] is not None
        assert found["failures"] == {"count": 0, "byReason": {}, "last": None}
        assert found["health"]["score"] is not None
        assert found["lastProbe"] is None
    await worker.tell(session, 1, BANNED)
    found = await analytics(person, session)
    assert found["failures"]["byReason"] == {"banned": 1}
    last = found["failures"]["last"]
    assert (last["status"], last["reason"]) == ("auth_failed", "banned")
    assert datetime.fromisoformat(last["at"]) <= datetime.now(UTC)
    state = next(part for part in found["health"]["parts"] if part["name"] == "state")
    assert (state["value"], state["explanation"]) == (0.0, "it is auth_failed (banned)")


async def test_the_time_in_each_state_adds_up_to_the_time_since_it_was_made(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, qr(), CONNECTED)
    found = await analytics(person, session)
    uptime = found["uptime"]
    since, until = (datetime.fromisoformat(found[name]) for name in ("observedSince", "until"))
    made = datetime.fromisoformat((await person.call("GET", f"/v1/sessions/{session}")).json()["createdAt"])
    assert since == made
    assert uptime["secondsObserved"] == pytest.approx((until - since).total_seconds())
    assert sum(uptime["secondsByStatus"].values()) == pytest.approx(uptime["secondsObserved"])
    assert set(uptime["secondsByStatus"]) == {state.value for state in SessionState}
    assert 0 < uptime["share"] < 1


async def test_a_take_over_is_a_move_and_a_recovery(fleet: Fleet):
    person = await fleet.owner()
    first = await fleet.worker()
    session = await fleet.running(person)
    await first.tell(session, 1, CONNECTED)
    second = await fleet.worker()
    await fleet.take_over(first)
    await second.tell(session, 2, CONNECTED)
    found = await analytics(person, session)
    assert found["moves"] == {"count": 1, "recoveries": 1, "byReason": {"worker_lost": 1}}
    assert found["uptime"]["longestOutage"]["status"] == "recovering"


async def test_a_window_sees_what_lies_in_it_and_the_state_in_which_it_began(fleet: Fleet):
    person = await fleet.owner()
    session = await fleet.session(person)
    await born(fleet, session, days=100)
    day = timedelta(days=1)
    S, R = SessionState, Reason  # noqa: N806 (as in the table of states)
    await write_changes(
        fleet,
        session,
        (60 * day, S.DISCONNECTED, S.INITIALIZING, R.STARTING),
        (59 * day, S.INITIALIZING, S.CONNECTED, R.LOGGED_IN),
        (20 * day, S.CONNECTED, S.RECONNECTING, R.DEAF),
        (10 * day, S.RECONNECTING, S.DISCONNECTED, R.REPLACED),
    )
    usual = await analytics(person, session)
    assert usual["uptime"]["share"] == pytest.approx(1 / 3, abs=1e-3)
    assert (usual["timeToConnect"]["count"], usual["uptime"]["longestOutage"]["reason"]) == (0, "deaf")
    whole = await analytics(person, session, since=_ago(days=300))
    assert whole["uptime"]["secondsConnected"] == pytest.approx(39 * 86_400, abs=60)
    assert whole["uptime"]["secondsObserved"] == pytest.approx(100 * 86_400, abs=60)
    assert whole["timeToConnect"]["lastSeconds"] == pytest.approx(86_400, abs=1)
    early = await analytics(person, session, since=_ago(days=58), until=_ago(days=30))
    assert (early["uptime"]["share"], early["failures"]["count"]) == (1.0, 0)
    before = await analytics(person, session, since=_ago(days=200), until=_ago(days=150))
    assert (before["uptime"]["share"], before["uptime"]["secondsObserved"]) == (None, 0.0)


async def test_of_very_many_changes_the_newest_are_looked_at_and_the_answer_says_so(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session_analytics, "MOST_CHANGES", 3)
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED, LOST)
    assert (await analytics(person, session))["truncated"] is False
    await worker.tell(session, 1, CONNECTED)
    found = await analytics(person, session)
    assert (found["truncated"], found["reconnects"]["count"]) == (True, 1)
    items = (await person.call("GET", f"/v1/sessions/{session}/timeline")).json()["items"]
    assert found["observedSince"] == items[2]["timestamp"]
    assert found["uptime"]["secondsByStatus"]["initializing"] == 0


async def test_messages_are_counted_by_day_and_those_of_the_history_are_not(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED)
    now = datetime.now(UTC)
    yesterday = now - timedelta(days=1)
    sent = {"direction": "outbound", "status": "sent", "ack": 1}
    await write_messages(
        fleet,
        session,
        {"direction": "inbound", "status": "received", "created_at": yesterday},
        {**sent, "created_at": yesterday},
        {**sent, "created_at": yesterday, "history": True},
        {"direction": "outbound", "status": "failed", "created_at": yesterday},
        {"direction": "outbound", "status": "uncertain", "created_at": yesterday},
        {**sent, "created_at": now - timedelta(days=29, hours=23)},
        {**sent, "created_at": now - timedelta(days=31)},
    )
    await worker.tell(session, 1, text("hello", timestamp=int(now.timestamp()) - 1))
    found = await analytics(person, session)
    assert found["lastActivityAt"] is not None
    assert 0 <= found["lastActivityAgeSeconds"] < 60
    counted = found["throughput"]
    assert (counted["sent"], counted["received"], counted["failed"]) == (2, 2, 1)
    assert counted["truncated"] is False
    days = {day["date"]: (day["sent"], day["received"], day["failed"]) for day in counted["days"]}
    assert len(days) in {30, 31}
    assert list(days) == sorted(days)
    assert days[yesterday.date().isoformat()] == (1, 1, 1)
    assert sum(numbers[0] for numbers in days.values()) == 2


async def test_of_very_many_messages_the_newest_are_counted(fleet: Fleet, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session_figures, "MOST_MESSAGES", 2)
    person = await fleet.owner()
    session = await fleet.session(person)
    now = datetime.now(UTC)
    for hours in (1, 2, 3):
        received = {"direction": "inbound", "status": "received", "created_at": now - timedelta(hours=hours)}
        await write_messages(fleet, session, received)
    counted = (await analytics(person, session))["throughput"]
    assert (counted["received"], counted["truncated"]) == (2, True)
    assert datetime.fromisoformat(counted["countedSince"]) == now - timedelta(hours=2)


async def test_the_probe_of_its_present_owner_is_told(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED)
    await write_probe(fleet, session, milliseconds=12.5, unanswered=1)
    found = await analytics(person, session)
    probe = found["lastProbe"]
    assert (probe["answered"], probe["milliseconds"]) == (True, 12.5)
    assert (probe["probes"], probe["unanswered"]) == (4, 1)
    assert 0 <= probe["ageSeconds"] < 60
    parts = {part["name"]: part["value"] for part in found["health"]["parts"]}
    assert parts["probes"] == 0.75
    await connect_again(person, session)
    assert (await analytics(person, session))["lastProbe"] is None


async def connect_again(person: Person, session: str) -> None:
    """At a new epoch."""
    assert (await person.call("POST", f"/v1/sessions/{session}/disconnect")).status_code == 200
    assert (await connect(person, session)).status_code == 202


@pytest.mark.parametrize(
    ("window", "name"),
    [
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-13-01T00:00:00Z"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"until": "2026-01-01T00:00:00"}, "until"),
        ({"since": "2999-01-01T00:00:00Z"}, "since"),
        ({"since": "2026-02-02T00:00:00Z", "until": "2026-02-01T00:00:00Z"}, "since"),
        ({"since": "2026-02-02T00:00:00Z", "until": "2026-02-02T00:00:00Z"}, "since"),
        ({"since": "2020-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "since"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "since"),
        ({"until": "0001-01-01T00:00:00Z"}, "until"),
        ({"until": "9999-12-31T23:59:59-14:00"}, "until"),
        ({"since": "9" * 5000}, "since"),
        ({"since": "1760000000"}, "since"),
        ({"since": "2026-02-01"}, "since"),
        ({"since": "a\0b"}, "since"),
    ],
    ids=str,
)
async def test_a_window_that_makes_no_sense_is_refused_with_its_name(
    fleet: Fleet, window: dict[str, str], name: str
):
    person = await fleet.owner()
    session = await fleet.session(person)
    answer = await person.call("GET", f"/v1/sessions/{session}/analytics", params=window)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["code"] == "validation_failed"
    assert problem["errors"][0]["pointer"] == f"/{name}"
    assert name in problem["detail"]


async def test_a_window_of_366_days_and_one_that_reaches_into_the_future_are_answered(fleet: Fleet):
    person = await fleet.owner()
    session = await fleet.session(person)
    old = {"since": "2024-01-01T00:00:00Z", "until": "2025-01-01T00:00:00+00:00"}
    found = await analytics(person, session, **old)
    assert len(found["throughput"]["days"]) == 366
    found = await analytics(person, session, until="2999-01-01T00:00:00Z")
    assert datetime.fromisoformat(found["until"]) <= datetime.now(UTC)


async def test_foreign_and_unknown_sessions_get_the_same_answer_and_test_keys_see_sandboxes(fleet: Fleet):
    owner, stranger = await fleet.owner(), await fleet.owner()
    session = await fleet.session(owner, "real")
    await fleet.session(owner, "toy", sandbox=True)
    bodies = []
    for reference in (session, UNKNOWN, "real", "never-was", "%2e%2e"):
        answer = await stranger.call("GET", f"/v1/sessions/{reference}/analytics")
        assert answer.status_code == 404
        bodies.append({**answer.json(), "requestId": ""})
    assert all(body == bodies[0] for body in bodies)
    key = (await owner.new_key(mode="test"))["key"]
    path = "/v1/sessions/{}/analytics"
    assert (await owner.call("GET", path.format("real"), bearer=key)).status_code == 404
    assert (await owner.call("GET", path.format("toy"), bearer=key)).status_code == 200
    other = (await owner.new_key(scopes=["messages:read"]))["key"]
    refused = await owner.call("GET", path.format("real"), bearer=other)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")


def _ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).isoformat()
