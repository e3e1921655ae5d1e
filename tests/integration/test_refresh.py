"""Refresh tokens rotate; a stolen one ends the login."""

import asyncio
from datetime import timedelta

from sqlalchemy import func, update

from control_plane.accounts.models import RefreshToken
from control_plane.db.engine import SystemSite
from shared.ids import parse_public_id
from tests.factories import People, Person
from tests.replica import Replica
from tests.waiting import until


async def refresh(person: Person, token: str | None = None):
    body = {"refreshToken": token or person.refresh_token}
    return await person.call("POST", "/v1/auth/refresh", bearer="", json=body)


async def make_rotations_older(replica: Replica, seconds: float) -> None:
    async with replica.parts.database.system(SystemSite.ADMIN) as session:
        await session.execute(
            update(RefreshToken)
            .where(RefreshToken.rotated_at.is_not(None))
            .values(rotated_at=func.clock_timestamp() - timedelta(seconds=seconds))
        )


async def test_a_refresh_gives_new_tokens_of_the_same_login(people: People):
    person = await people()
    old = person.refresh_token
    response = await refresh(person)
    assert response.status_code == 200
    person.take(response.json())
    assert person.refresh_token != old
    assert (await person.call("GET", "/v1/users/me")).status_code == 200
    assert (await refresh(person)).status_code == 200


async def test_of_fifty_parallel_refreshes_one_wins_and_the_login_lives_on(people: People):
    person = await people()
    answers = await asyncio.gather(*(refresh(person) for _ in range(50)))
    winners = [answer for answer in answers if answer.status_code == 200]
    losers = [answer for answer in answers if answer.status_code != 200]
    assert len(winners) == 1
    assert {(loser.status_code, loser.json()["code"]) for loser in losers} == {(409, "refresh_superseded")}
    person.take(winners[0].json())
    assert (await person.call("GET", "/v1/users/me")).status_code == 200
    assert (await refresh(person)).status_code == 200


async def test_reuse_after_the_grace_ends_the_whole_login(replica: Replica, people: People):
    person = await people()
    stolen = person.refresh_token
    person.take((await refresh(person)).json())
    await make_rotations_older(replica, 11)
    reused = await refresh(person, stolen)
    assert (reused.status_code, reused.json()["code"]) == (401, "refresh_token_reused")
    await eventually_refused(person)
    assert (await refresh(person)).status_code == 401


async def test_other_logins_of_the_account_live_on_after_a_reuse(replica: Replica, people: People):
    person = await people()
    stolen = person.refresh_token
    other = Person(replica, email=person.email, password=person.password)
    other.take((await other.log_in()).json())
    await refresh(person)
    await make_rotations_older(replica, 11)
    await refresh(person, stolen)
    assert (await refresh(other)).status_code == 200


async def test_an_expired_refresh_token_is_refused(replica: Replica, people: People):
    person = await people()
    async with replica.parts.database.system(SystemSite.ADMIN) as session:
        await session.execute(
            update(RefreshToken)
            .where(RefreshToken.user_id == parse_public_id("usr", person.id))
            .values(expires_at=func.clock_timestamp())
        )
    assert (await refresh(person)).status_code == 401


async def test_junk_is_refused(people: People):
    person = await people()
    for junk in ("", "x", "wpr_" + "A" * 43, "\u0000", "x" * 1024):
        assert (await refresh(person, junk or " ")).status_code == 401
    response = await person.call("POST", "/v1/auth/refresh", bearer="", json={"refreshToken": "x" * 5000})
    assert response.status_code == 422


async def test_logging_out_ends_access_and_refresh(people: People):
    person = await people()
    assert (await person.call("POST", "/v1/auth/logout")).status_code == 204
    await eventually_refused(person)
    assert (await refresh(person)).status_code == 401


async def eventually_refused(person: Person, on: Replica | None = None) -> None:
    """A replica may believe its cache for a second, not longer; the wait ends when it does not."""

    async def refused() -> bool:
        return (await person.call("GET", "/v1/users/me", on=on)).status_code == 401

    await until(refused)
