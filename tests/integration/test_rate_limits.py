"""Limits over HTTP: told in headers, refused with a wait, and kept without Redis."""

import asyncio
from pathlib import Path

import pytest

from control_plane.tiers.limits import Tier
from deploy.local.valkey import EmbeddedValkey
from tests.factories import People, Person, new_address


async def test_every_answer_tells_what_is_left(people: People):
    person = await people(tier=Tier.PRO)
    first = await person.call("GET", "/v1/whoami")
    assert first.headers["ratelimit-policy"] == '"requests";q=600;w=60'
    second = await person.call("GET", "/v1/whoami")
    assert first.headers["ratelimit"].startswith('"requests";r=')
    left = [int(answer.headers["ratelimit"].split(";")[1][2:]) for answer in (first, second)]
    assert 590 < left[1] <= left[0] < 600


async def test_beyond_the_tier_a_request_is_refused_with_the_time_to_wait(people: People):
    person = await people(tier=Tier.BASIC)
    # So few that none flows back while the requests are made.
    await people.change(person, limit_overrides={"requestsPerMinute": 4})
    answers = await asyncio.gather(*(person.call("GET", "/v1/whoami") for _ in range(20)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 16
    problem = refused[0].json()
    assert (problem["code"], problem["retryable"]) == ("rate_limited", True)
    assert problem["violatedPolicies"] == ["requests"]
    assert 1 <= int(refused[0].headers["retry-after"]) <= 15
    assert "ratelimit" in refused[0].headers


async def test_one_account_does_not_use_up_the_limit_of_another(people: People):
    one, other = await people(tier=Tier.BASIC), await people(tier=Tier.BASIC)
    await asyncio.gather(*(one.call("GET", "/v1/whoami") for _ in range(70)))
    assert (await other.call("GET", "/v1/whoami")).status_code == 200


async def test_strangers_are_limited_by_address(start_replica):
    small = await start_replica(WAYPOST_ADDRESS_REQUESTS_PER_MINUTE="5")
    stranger = Person(small, address=new_address())
    statuses = [(await stranger.log_in()).status_code for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert (await Person(small, address=new_address()).log_in()).status_code == 401


async def test_health_is_never_limited(start_replica):
    small = await start_replica(WAYPOST_ADDRESS_REQUESTS_PER_MINUTE="1")
    answers = [await small.client.get("/health/live") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert "ratelimit" not in answers[0].headers


async def fallbacks(person: Person) -> float:
    lines = (await person.replica.client.get("/metrics")).text.splitlines()
    (line,) = [line for line in lines if line.startswith("waypost_rate_limit_fallbacks_total ")]
    return float(line.split()[1])


async def test_redis_stopped_in_the_middle_requests_go_on_and_limits_too(start_replica, tmp_path: Path):
    valkey = EmbeddedValkey(tmp_path / "valkey")
    valkey.start()
    try:
        replica = await start_replica(WAYPOST_REDIS_URL=valkey.url)
        people = People(replica)
        person = await people(tier=Tier.BASIC)
        await people.change(person, limit_overrides={"requestsPerMinute": 4})
        assert (await person.call("GET", "/v1/whoami")).status_code == 200
        assert await fallbacks(person) == 0
        assert (await replica.client.get("/health")).json()["checks"]["redis"]["status"] == "up"
        valkey.stop()
        answers = await asyncio.gather(*(person.call("GET", "/v1/whoami") for _ in range(20)))
        statuses = [answer.status_code for answer in answers]
        # This replica's own count begins anew.
        assert (statuses.count(200), statuses.count(429)) == (4, 16)
        assert await fallbacks(person) >= 20
        health = (await replica.client.get("/health")).json()
        assert (health["status"], health["checks"]["redis"]["status"]) == ("degraded", "down")
        assert (await replica.client.get("/health/ready")).status_code == 200
        assert (await person.log_in()).status_code == 200
    finally:
        valkey.stop()


async def test_a_flushed_redis_costs_no_request_and_no_limit(start_replica, tmp_path: Path):
    valkey = EmbeddedValkey(tmp_path / "valkey")
    valkey.start()
    try:
        replica = await start_replica(WAYPOST_REDIS_URL=valkey.url)
        person = await People(replica)(tier=Tier.BASIC)
        for _ in range(3):
            assert (await person.call("GET", "/v1/whoami")).status_code == 200
            await replica.parts.redis.execute_command("FLUSHALL")
            await replica.parts.redis.execute_command("SCRIPT FLUSH")
        assert await fallbacks(person) == 0
        left = (await person.call("GET", "/v1/whoami")).headers["ratelimit"]
        assert left.startswith('"requests";r=59;')
    finally:
        valkey.stop()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock"])
async def test_a_start_without_redis_works(start_replica, url: str):
    replica = await start_replica(WAYPOST_REDIS_URL=url)
    person = await People(replica)()
    assert (await person.call("GET", "/v1/users/me")).status_code == 200
