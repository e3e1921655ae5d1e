"""What comes round for sessions: codes that are over, and sessions that nobody has used for long."""

import uuid
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, update

from control_plane.db.engine import Database, SystemSite
from control_plane.keyring import Keyring
from control_plane.sessions.models import Session
from control_plane.settings import Settings
from control_plane.supervision.upkeep import Upkeep
from tests.factories import People, Person
from tests.waiting import until


async def new_session(person: Person, name: str) -> uuid.UUID:
    created = await person.call("POST", "/v1/sessions", json={"name": name, "sandbox": True})
    assert created.status_code == 201, created.text
    return uuid.UUID(created.json()["id"].removeprefix("ses-"))


async def change(database: Database, session: uuid.UUID, **values: Any) -> None:
    async with database.system(SystemSite.ADMIN) as db:
        await db.execute(update(Session).where(Session.id == session).values(**values))


@pytest.fixture
def keyring(settings: Settings) -> Keyring:
    return Keyring(settings.master_keys)


async def _some(found: Awaitable[list[str]]) -> bool:
    return bool(await found)


def ago(**time: float) -> Any:
    return func.clock_timestamp() - timedelta(**time)


async def test_a_session_that_waits_for_a_scan_without_a_code_is_disconnected(
    database: Database, keyring: Keyring, people: People
):
    person = await people()
    session = await new_session(person, "shop")
    await change(database, session, status="qr_pending", wanted="run", status_at=ago(seconds=100))
    other = await new_session(person, "other")
    await change(database, other, status="qr_pending", wanted="run", status_at=ago(seconds=5))
    assert await Upkeep(database, keyring, 30).expired_codes() >= 1
    found = (await person.call("GET", "/v1/sessions/shop")).json()
    assert (found["status"], found["statusReason"]) == ("disconnected", "qr_expired")
    assert (await person.call("GET", "/v1/sessions/other")).json()["status"] == "qr_pending"


async def test_an_unused_session_is_announced_a_week_before_it_is_deleted(
    database: Database, keyring: Keyring, people: People
):
    person = await people()
    session = await new_session(person, "old")
    await new_session(person, "young")
    await change(database, session, status_at=ago(days=24))
    upkeep = Upkeep(database, keyring, 30)
    await upkeep.unused_sessions()

    async def told() -> list[str]:
        events = (await person.call("GET", "/v1/events?types=session.expiring")).json()["items"]
        return [event["data"]["name"] for event in events]

    # Readers stay below the oldest transaction that runs, whoever's it is.
    await until(lambda: _some(told()))
    assert await told() == ["old"]
    await change(database, session, status_at=ago(days=40))
    await upkeep.unused_sessions()
    assert (await person.call("GET", "/v1/sessions/old")).status_code == 200, "told only a moment ago"
    await change(database, session, expiry_told_at=ago(days=8))
    await upkeep.unused_sessions()
    assert (await person.call("GET", "/v1/sessions/old")).status_code == 404
    assert (await person.call("GET", "/v1/sessions/young")).status_code == 200
    assert (await person.call("GET", "/v1/sessions/young")).json()["isPrimary"]
    usage = (await person.call("GET", "/v1/users/me/usage")).json()["usage"]
    assert usage["sessions"]["used"] == 1


async def test_a_session_that_is_wanted_is_never_deleted(
    database: Database, keyring: Keyring, people: People
):
    person = await people()
    session = await new_session(person, "waiting")
    await change(
        database,
        session,
        wanted="run",
        status="disconnected",
        status_reason="no_worker",
        status_at=ago(days=99),
        expiry_told_at=ago(days=50),
    )
    await Upkeep(database, keyring, 30).unused_sessions()
    assert (await person.call("GET", "/v1/sessions/waiting")).status_code == 200
