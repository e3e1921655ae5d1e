"""Workers that end and come back, with nobody or somebody else to take their sessions."""

import asyncio
import json
import signal
from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import Any

import pytest

from tests.fleet.conftest import Tell
from tests.fleet.stage import Stage
from tests.waiting import until

_MANY = 20


async def test_a_worker_that_comes_back_alone_restores_its_sessions_without_a_scan(short_fleet: Stage):
    fleet, names = short_fleet, ("shop-1", "shop-2")
    first = await fleet.start_worker("worker-1")
    for name in names:
        await fleet.new_session(name)
    numbers = [(await fleet.session(name))["phone"] for name in names]
    paired = {entry["device"] for entry in await fleet.network.devices_of(*numbers)}
    begun = len(fleet.api.lines('"request"'))
    await first.kill()
    again = await fleet.start_worker("worker-1")
    await fleet.connected(*names, on="worker-1")
    assert "Session restoration complete: 2 restored, 0 failed" in await again.said("Session restoration")
    asked = [json.loads(line) for line in fleet.api.lines('"request"')[begun:]]
    calls = {(call["method"], call["route"].rpartition("{worker_id}")[2]): call["status"] for call in asked}
    assert calls["GET", "/sessions/assigned"] == 200
    assert calls["POST", "/sessions/recovery-status"] == 204
    (told,) = await fleet.tables.told_of("worker-1", "recovered")
    assert json.loads(told) == {"restored": 2, "failed": 0}
    assert {entry["device"] for entry in await fleet.network.devices_of(*numbers)} == paired
    assert await fleet.network.overlaps() == []


@pytest.mark.chaos
async def test_a_worker_with_twenty_sessions_hands_them_over_and_ends_in_time(short_fleet: Stage, tell: Tell):
    fleet, names = short_fleet, [f"shop-{number}" for number in range(_MANY)]
    first = await fleet.start_worker("worker-1", WAYPOST_WORKER_CAPACITY=str(_MANY))
    for some in (names[at : at + 4] for at in range(0, _MANY, 4)):
        await asyncio.gather(*(fleet.new_session(name) for name in some))
    numbers = [(await fleet.session(name))["phone"] for name in names]
    await fleet.start_worker("worker-2")
    # With an engine that runs already, as that of any worker which is at work.
    await fleet.new_session("one-more")
    await fleet.connected("one-more", on="worker-2")
    begun = await fleet.network.position()
    first.signal(signal.SIGTERM)
    # It would be killed then by whoever starts workers.
    assert await first.ended(within=20) == 0
    await fleet.connected(*names, on="worker-2")
    assert not first.lines("drain_took_too_long")
    assert await fleet.network.overlaps() == []

    async def all_came_back() -> bool:
        return len(_gaps(await fleet.network.devices_of(*numbers, after=begun))) == _MANY

    await until(all_came_back)
    gaps = _gaps(await fleet.network.devices_of(*numbers, after=begun))
    away = f"{median(gaps):.2f} s at the median, {max(gaps):.2f} s at most"
    tell(f"{_MANY} sessions handed over: away for {away}")


def _gaps(entries: Sequence[dict[str, Any]]) -> list[float]:
    """Of each device that went and came, how long it was away."""
    went: dict[str, datetime] = {}
    gaps = []
    for entry in entries:
        moment = datetime.fromisoformat(entry["at"])
        if entry["kind"] == "offline":
            went[entry["device"]] = moment
        elif entry["kind"] == "online":
            gaps.append((moment - went[entry["device"]]).total_seconds())
    return gaps
