"""Redis is a map: emptied or killed under load it costs nobody a call, and it is whole again by itself."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from deploy.local.valkey import EmbeddedValkey
from tests.conftest import TEMPLATE
from tests.fleet.conftest import Tell
from tests.fleet.leases import SHORT
from tests.fleet.load import ANN, Load
from tests.fleet.stage import Stage, stage
from tests.waiting import until

_NAMES = ("shop-1", "shop-2")
_FLUSHES = 3
_CALLS = 5


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    """Of this test alone: everything in it is thrown away."""
    server = EmbeddedValkey(tmp_path / "valkey")
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.stop)


@pytest.fixture
async def fleet(valkey: EmbeddedValkey, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, TEMPLATE, **SHORT.settings, WAYPOST_REDIS_URL=valkey.url) as opened:
        yield opened


@pytest.fixture
async def redis(valkey: EmbeddedValkey) -> AsyncIterator[Redis]:
    client = Redis.from_url(valkey.url)
    yield client
    await client.aclose()


async def test_emptying_or_killing_redis_under_load_fails_no_call_and_the_routes_come_back(
    fleet: Stage, valkey: EmbeddedValkey, redis: Redis, tell: Tell
):
    for name in ("worker-1", "worker-2"):
        await fleet.start_worker(name)
    for name in _NAMES:
        await fleet.new_session(name)
    await fleet.phone_writes(_NAMES[0], ANN, "now this number is known")
    ids = [(await fleet.session(name))["id"].removeprefix("ses-") for name in _NAMES]
    owners = await fleet.tables.owners()

    async def routes_are_back() -> bool:
        try:
            there = await redis.exists("waypost:routes:whole", *(f"waypost:route:{each}" for each in ids))
        except (RedisError, OSError):
            return False
        return int(there) == 1 + len(ids)

    await until(routes_are_back)
    took = []
    async with Load(fleet, _NAMES) as load:
        await load.goes_on(_CALLS)
        for _ in range(_FLUSHES):
            await redis.flushall()
            flushed = time.monotonic()
            await until(routes_are_back, within=30)
            took.append(time.monotonic() - flushed)
            await load.goes_on(_CALLS)
        pid = valkey.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await load.goes_on(_CALLS)
        await asyncio.to_thread(valkey.start)
        started = time.monotonic()
        await until(routes_are_back, within=30)
        took.append(time.monotonic() - started)
        await load.goes_on(_CALLS)
    calls = ", ".join(f"{count} {kind}" for kind, count in load.done.items())
    tell(
        f"all calls answered well ({calls}); routes back after {', '.join(f'{each:.1f}' for each in took)} s"
    )
    found = await fleet.tables.owners()
    assert {name: found[name] for name in _NAMES} == {name: owners[name] for name in _NAMES}
    for name in _NAMES:
        number = (await fleet.session(name))["phone"]
        assert await fleet.network.inbox(ANN, number) == load.sent[name]
