"""The figures of a session that a real client ran and a virtual phone scanned."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fleet.stage import Stage

_ANN = "+4915100000011"


@pytest.fixture
def fleet(short_fleet: Stage) -> Stage:
    return short_fleet


async def test_a_session_that_was_scanned_has_its_times_and_its_process_has_them_as_well(fleet: Stage):
    await fleet.start_worker("worker-1")
    await fleet.new_session("shop-1")
    await fleet.phone_writes("shop-1", _ANN, "hi")
    await fleet.call("POST", "/v1/sessions/shop-1/messages", 201, json={"to": _ANN, "text": "hello"})
    found = await fleet.call("GET", "/v1/sessions/shop-1/analytics", 200)
    for name in ("timeToQr", "timeToConnect"):
        assert found[name]["count"] == 1, name
        assert 0 < found[name]["lastSeconds"] < 60, name
    assert found["qrCodesShown"] >= 1
    assert (found["reconnects"]["count"], found["failures"]["count"]) == (0, 0)
    assert found["throughput"]["sent"] == 1
    assert found["health"]["score"] == 100
    metrics = await fleet.call("GET", "/v1/sessions/metrics", 200)
    assert (metrics["totalSessions"], metrics["activeConnections"], metrics["errors"]) == (1, 1, 0)
    answer = await fleet.client.get("/metrics", headers={"Authorization": ""})
    seen = _samples(answer)
    assert seen["waypost_session_qr_seconds_count", ""] == 1
    assert seen["waypost_session_connect_seconds_count", "scan"] == 1
    assert seen["waypost_fleet_heartbeats_total", "accepted"] >= 1


def _samples(answer: httpx.Response) -> dict[tuple[str, str], float]:
    """By name and first label."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
