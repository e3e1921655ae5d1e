"""What Prometheus reads of the fleet."""

import asyncio
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, insert

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.repository import FleetRepository
from control_plane.observability.fleet_figures import FleetFigures, FleetReading
from control_plane.sessions.models import SessionProbe
from shared.session_state import Reason, SessionState
from tests.fleet_client import CONNECTED, JOIN_TOKEN, Fleet, qr, seen
from tests.replica import Replica

PAIRED = seen(SessionState.INITIALIZING, Reason.PAIRED)
LOST = seen(SessionState.RECONNECTING, Reason.CONNECTION_LOST)
READING = FleetReading(
    workers={},
    sessions={},
    probed={},
    capacity=1,
    used=0,
    least=0,
    most=0,
    spooled=0,
    repairs={},
)


async def scrape(replica: Replica) -> dict[tuple[str, str], float]:
    """By name and first label, without the buckets; fresh, however short ago the last one was."""
    replica.parts.fleet_figures.kept_seconds = 0
    answer = await replica.client.get("/metrics")
    assert answer.status_code == 200
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(answer.text):
        if not family.name.startswith("waypost_"):
            continue
        assert family.documentation, family.name
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                found[sample.name, next(iter(sample.labels.values()), "")] = sample.value
    return found


async def test_workers_sessions_and_their_spread_are_told(fleet: Fleet):
    person = await fleet.owner()
    first, second = await fleet.worker(capacity=10), await fleet.worker(capacity=10)
    names = [await fleet.running(person, f"shop-{number}") for number in range(3)]
    await first.beat(spooled=7)
    await second.beat(spooled=5)
    figures = await scrape(fleet.replica)
    assert figures["waypost_fleet_readable", ""] == 1
    states = {label: value for (name, label), value in figures.items() if name == "waypost_workers"}
    assert states == {"online": 2, "draining": 0, "offline": 0}
    statuses = {label: value for (name, label), value in figures.items() if name == "waypost_sessions"}
    assert statuses == {state.value: 0 for state in SessionState} | {"initializing": len(names)}
    assert figures["waypost_fleet_capacity_sessions", ""] == 20
    assert figures["waypost_fleet_used_sessions", ""] == 3
    assert figures["waypost_fleet_least_used_ratio", ""] == pytest.approx(0.1)
    assert figures["waypost_fleet_most_used_ratio", ""] == pytest.approx(0.2)
    assert figures["waypost_fleet_spread_ratio", ""] == pytest.approx(0.1)
    assert figures["waypost_fleet_spooled_events", ""] == 12
    await fleet.take_over(second)
    figures = await scrape(fleet.replica)
    assert (figures["waypost_workers", "online"], figures["waypost_workers", "offline"]) == (1, 1)
    assert figures["waypost_fleet_spooled_events", ""] == 7
    assert figures["waypost_fleet_repairs_total", "worker_taken_over"] == 1


async def test_repairs_are_counted_by_kind(fleet: Fleet):
    async with fleet.replica.parts.database.system(SystemSite.SUPERVISION) as db:
        await FleetRepository(db).count_repair("state_corrected", 3)
    assert (await scrape(fleet.replica))["waypost_fleet_repairs_total", "state_corrected"] == 3


async def test_registrations_and_heartbeats_are_counted_by_what_became_of_them(fleet: Fleet):
    first = await fleet.worker()
    assert (await first.try_to_register("no-such-token")).status_code == 401
    second = await fleet.worker()
    clash = await second.try_to_register(JOIN_TOKEN, endpoint=first.endpoint)
    assert clash.status_code == 409
    await first.beat()
    await first.beat()
    await fleet.take_over(first)
    assert (await first.try_to_beat()).status_code == 409
    figures = await scrape(fleet.replica)
    registered = [figures["waypost_fleet_registrations_total", name] for name in ("accepted", "refused")]
    beaten = [figures["waypost_fleet_heartbeats_total", name] for name in ("accepted", "refused", "failed")]
    assert (registered, beaten) == ([2, 2], [2, 1, 0])


async def test_a_heartbeat_that_the_database_does_not_take_has_failed(start_replica, fleet: Fleet):
    worker = await fleet.worker()
    lost = await start_replica(WAYPOST_DATABASE_URL="postgresql://waypost:secretword@127.0.0.1:1/waypost")
    worker.replica = lost
    assert (await worker.try_to_beat()).status_code == 503
    assert (await scrape(lost))["waypost_fleet_heartbeats_total", "failed"] == 1


async def test_probes_are_counted_and_what_they_found_last_is_told(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, CONNECTED)
    probe = {"id": session.removeprefix("ses-"), "epoch": 1, "probes": 3, "unanswered": 1}
    await worker.beat(probes=[probe, {"id": "x", "epoch": 1, "probes": -5, "unanswered": 10**18}])
    row = await fleet.row(session)
    values = {"epoch": 1, "probed_at": datetime.now(UTC), "answered": False, "user_id": row.user_id}
    async with fleet.replica.parts.database.system(SystemSite.ADMIN) as db:
        await db.execute(delete(SessionProbe))
        await db.execute(insert(SessionProbe).values(session_id=row.id, **values))
    figures = await scrape(fleet.replica)
    assert figures["waypost_session_probes_total", "answered"] == 2
    assert figures["waypost_session_probes_total", "unanswered"] == 1_000_001
    assert figures["waypost_sessions_probed", "unanswered"] == 1
    assert figures["waypost_sessions_probed", "answered"] == 0


async def test_times_to_the_code_and_to_the_connection_are_histograms(fleet: Fleet):
    person, worker = await fleet.owner(), await fleet.worker()
    session = await fleet.running(person)
    await worker.tell(session, 1, qr(number=1), qr("2@next", number=2))
    await worker.tell(session, 1, PAIRED, CONNECTED, LOST, CONNECTED)
    figures = await scrape(fleet.replica)
    counts = {
        label: value
        for (name, label), value in figures.items()
        if name == "waypost_session_connect_seconds_count"
    }
    assert counts == {"start": 0, "scan": 1, "connection_lost": 1, "recovery": 0}
    assert figures["waypost_session_qr_seconds_count", ""] == 1
    assert 0 <= figures["waypost_session_qr_seconds_sum", ""] < 60
    assert math.isfinite(figures["waypost_session_connect_seconds_sum", "scan"])
    other = await fleet.running(person, "other")
    await worker.tell(other, 1, CONNECTED)
    await fleet.worker()
    await fleet.take_over(worker)
    figures = await scrape(fleet.replica)
    assert figures["waypost_session_connect_seconds_count", "start"] == 1


async def test_without_the_database_a_scrape_is_answered_without_the_fleet(start_replica):
    lost = await start_replica(WAYPOST_DATABASE_URL="postgresql://waypost:secretword@127.0.0.1:1/waypost")
    figures = await scrape(lost)
    assert figures["waypost_fleet_readable", ""] == 0
    assert ("waypost_workers", "online") not in figures
    assert ("waypost_fleet_registrations_total", "accepted") in figures


async def test_a_reading_is_kept_for_a_moment_and_read_once_for_all_who_scrape(database: Database):
    reads = 0

    async def read(_db: Any) -> FleetReading:
        nonlocal reads
        reads += 1
        return READING

    figures = FleetFigures(database, read)
    await asyncio.gather(*(figures.refresh() for _ in range(10)))
    assert reads == 1
    figures.kept_seconds = 0
    await figures.refresh()
    assert reads == 2


async def test_a_reading_that_fails_takes_the_old_one_away_and_is_not_tried_at_once(database: Database):
    reads = 0

    async def read(_db: Any) -> FleetReading:
        nonlocal reads
        reads += 1
        if reads == 2:
            raise OSError("away")
        return READING

    figures = FleetFigures(database, read)
    figures.kept_seconds = 0
    await figures.refresh()
    assert len(list(figures.collect())) > 1
    await figures.refresh()
    assert [family.name for family in figures.collect()] == ["waypost_fleet_readable"]
    figures.kept_seconds = 60
    await figures.refresh()
    assert reads == 2
