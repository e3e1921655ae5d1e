"""PostgreSQL is away, and the credential store with it: nothing that is written to us meanwhile is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.postgres import EmbeddedPostgres
from tests.fleet.leases import SHORT
from tests.fleet.own_servers import postgres
from tests.fleet.stage import Stage
from tests.waiting import until

__all__ = ["postgres"]

FRIEND = "+4915100000011"


@pytest.fixture
async def fleet(postgres: EmbeddedPostgres, valkey_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    opened = Stage(tmp_path, postgres.url, {**SHORT.settings, "WAYPOST_REDIS_URL": valkey_url})
    try:
        await opened.open()
        await opened.start_worker("worker-1")
        yield opened
    finally:
        await opened.close()


async def test_what_is_written_to_us_while_it_is_away_is_read_when_it_is_back(
    fleet: Stage, postgres: EmbeddedPostgres
):
    await fleet.new_session("shop")
    phone = (await fleet.session("shop"))["phone"]
    await fleet.phone_writes("shop", FRIEND, "before")
    await fleet.hears("shop", ["before"])
    await asyncio.to_thread(postgres.stop)
    worker = fleet.workers["worker-1"]

    async def disconnected() -> bool:
        return bool(worker.lines("credential_store_away"))

    await until(disconnected, within=10)
    away = [f"while it is away {number}" for number in range(20)]
    for text in away:
        await fleet.network.phone_writes(FRIEND, phone, text)
    await asyncio.to_thread(postgres.start)

    async def answered() -> bool:
        return (await fleet.client.get("/v1/sessions/shop")).is_success

    await until(answered, within=10)
    await fleet.connected("shop")
    await fleet.phone_writes("shop", FRIEND, "after")
    await fleet.hears("shop", ["before", *away, "after"])
    changes = (await fleet.call("GET", "/v1/sessions/shop/timeline?limit=20", 200))["items"]
    assert "store_away" in {change["statusReason"] for change in changes}
    page = await fleet.call("GET", "/v1/sessions/shop/messages?direction=inbound&limit=100", 200)
    assert {message["type"] for message in page["items"]} == {"text"}
