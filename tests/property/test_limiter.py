"""The limiter's rule: never more than the quota at once, refilled evenly, all buckets or none."""

import secrets

from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from control_plane.http.limiter import Bucket, LocalLimiter, RedisLimiter
from tests import run_folder

SECOND = 1_000_000
buckets = st.builds(
    Bucket, st.just("b"), st.just("key"), st.integers(1, 20), st.sampled_from([1.0, 10.0, 60.0])
)


@given(buckets, st.lists(st.integers(0, 20 * SECOND), max_size=60))
@settings(max_examples=200)
def test_in_any_stretch_of_time_at_most_the_quota_and_its_refill_pass(bucket, gaps):
    limiter, now = LocalLimiter(), 0
    passed: list[int] = []
    for gap in gaps:
        now += gap
        verdict = limiter.check_now([bucket], now)[0]
        if verdict.allowed:
            passed.append(now)
        else:
            # The wait it names is enough, and not a microsecond too long.
            wait = round(verdict.retry_after * SECOND)
            assert wait > 0
    for first, start in enumerate(passed):
        for count, end in enumerate(passed[first:], start=1):
            assert count <= bucket.quota + (end - start) / bucket.interval_us


@given(buckets)
def test_a_refused_request_may_come_when_it_was_told(bucket):
    limiter = LocalLimiter()
    for _ in range(bucket.quota):
        assert limiter.check_now([bucket], 0)[0].allowed
    refused = limiter.check_now([bucket], 0)[0]
    wait = round(refused.retry_after * SECOND)
    assert not refused.allowed
    assert refused.remaining == 0
    assert not limiter.check_now([bucket], wait - 1)[0].allowed
    assert limiter.check_now([bucket], wait)[0].allowed


def test_when_one_bucket_refuses_no_bucket_is_charged():
    limiter = LocalLimiter()
    wide, narrow = Bucket("wide", "w", 10, 60), Bucket("narrow", "n", 1, 60)
    assert all(verdict.allowed for verdict in limiter.check_now([wide, narrow], 0))
    for _ in range(20):
        first, second = limiter.check_now([wide, narrow], 0)
        assert first.allowed
        assert not second.allowed
        assert first.remaining == 9


def test_local_memory_is_bounded(monkeypatch):
    monkeypatch.setattr("control_plane.http.limiter._LOCAL_BUCKETS", 10)
    limiter = LocalLimiter()
    for number in range(100):
        limiter.check_now([Bucket("b", str(number), 1, 60)], 0)
    assert len(limiter._arrivals) == 10


async def test_redis_and_memory_agree():
    redis = Redis.from_url(run_folder.servers()["redis"])
    limiter, local = RedisLimiter(redis), LocalLimiter()
    # So slow that the time between two calls does not matter.
    group = [
        Bucket("a", secrets.token_hex(8), 5, 100_000),
        Bucket("b", secrets.token_hex(8), 3, 100_000),
    ]
    for _ in range(6):
        from_redis, from_memory = await limiter.check(group), local.check_now(group, 0)
        assert [verdict.allowed for verdict in from_redis] == [verdict.allowed for verdict in from_memory]
        assert [verdict.remaining for verdict in from_redis] == [v.remaining for v in from_memory]
        for one, other in zip(from_redis, from_memory, strict=True):
            assert abs(one.retry_after - other.retry_after) < 60
    await redis.aclose()
