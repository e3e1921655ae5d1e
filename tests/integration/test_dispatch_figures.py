"""What Prometheus reads of webhooks: of all of them from the database, of attempts from the process."""

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from control_plane.db.engine import SystemSite
from control_plane.observability.own_metrics import served
from control_plane.webhooks.dispatch.numbers import DispatchNumbers
from deploy.local.ports import free_port
from shared.redaction import Secret
from tests.integration.dispatching import OFFICE, Stand, receiver, stand
from tests.waiting import until

__all__ = ["stand"]


async def test_attempts_and_totals_are_counted(stand: Stand):
    registry = CollectorRegistry()
    async with receiver(stand) as (there, url):
        webhook = await stand.endpoint(url)
        await stand.endpoint(url, enabled=False)
        there.answer = lambda number: 200 if number == 3 else 500
        stand.start(registry=registry)
        await stand.events(1, 2)
        await stand.events(3, session=OFFICE)
        await stand.written(webhook, pending=2, delivered=1)

        def attempts(outcome: str) -> float | None:
            return registry.get_sample_value("waypost_webhook_attempts_total", {"outcome": outcome})

        async def counted() -> bool:
            return attempts("delivered") == 1 and (attempts("refused") or 0) >= 1

        await until(counted)
        assert attempts("unreached") == 0
        assert registry.get_sample_value("waypost_webhook_first_attempt_seconds_count") == 2
        assert registry.get_sample_value("waypost_webhook_endpoints_held") == 1
        async with stand.database.system(SystemSite.HEALTH) as db:
            reading = await DispatchNumbers(db).reading()
        assert (reading.enabled, reading.disabled) == (1, 1)
        assert (reading.delivered, reading.failed, reading.pending) == (1, 0, 2)
        assert 0 < reading.oldest_pending_seconds < 60


@pytest.mark.parametrize(("header", "status"), [("Bearer right", 200), ("Bearer wrong", 401), ("", 401)])
async def test_a_process_without_an_api_tells_its_figures_on_a_port_of_its_own(header: str, status: int):
    async with served(CollectorRegistry(), "127.0.0.1", free_port(), Secret("right")) as port:
        url, headers = f"http://127.0.0.1:{port}/metrics", {"Authorization": header}
        async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
            assert answer.status == status


async def test_without_a_port_nothing_is_served():
    async with served(CollectorRegistry(), "127.0.0.1", 0, None) as port:
        assert port is None
