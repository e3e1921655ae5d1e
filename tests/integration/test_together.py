"""Commands that travel together: each caller gets its own answer, or its own error, or the connection's."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from control_plane.http.together import Together
from control_plane.redis_map import connect


async def trips(redis: Redis) -> int:
    return int((await redis.info("stats"))["total_reads_processed"])


async def test_who_asks_at_the_same_moment_shares_a_trip_and_gets_its_own_answer(redis: Redis):
    together = Together(redis)
    await together.ask("SET", "own", "text")
    before = await trips(redis)
    asked = [together.ask("ECHO", str(number)) for number in range(100)]
    bad = together.ask("INCR", "own")
    answers = await asyncio.gather(*asked, bad, return_exceptions=True)
    assert [int(str(answer, "ascii")) for answer in answers[:-1] if isinstance(answer, bytes)] == list(
        range(100)
    )
    assert isinstance(answers[-1], ResponseError)
    assert await trips(redis) - before < 20


async def test_who_goes_away_takes_nobody_elses_answer(redis: Redis):
    together = Together(redis)
    gone, stays = (asyncio.create_task(together.ask("ECHO", word)) for word in ("gone", "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays in {b"stays", "stays"}
    assert gone.cancelled() or await asyncio.gather(gone, return_exceptions=True)


async def test_a_redis_that_is_away_is_told_to_all_of_them_and_forgotten_when_it_is_back(redis: Redis):
    away = connect("redis://127.0.0.1:1/0")
    together = Together(away)
    answers = await asyncio.gather(*(together.ask("PING") for _ in range(5)), return_exceptions=True)
    assert all(isinstance(answer, RedisError | OSError) for answer in answers)
    with pytest.raises((RedisError, OSError)):
        await together.ask("PING")
    await away.aclose()
    together = Together(redis)
    assert await together.ask("PING")
