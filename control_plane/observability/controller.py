"""Health and metrics over HTTP."""

import asyncio
import hmac
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from control_plane.db.engine import Database
from control_plane.db.periodic import last_runs
from control_plane.errors import AppError, Code
from control_plane.http.principal import UNLIMITED, access
from control_plane.http.problems import database_is_away
from control_plane.observability.fleet_figures import FleetFigures
from control_plane.observability.health import Health, Readiness
from control_plane.observability.metrics import PeriodicWorkCollector
from control_plane.settings import Settings

_PATIENCE = 2.0


class HealthController(Controller):
    tags = ["Health"]
    opt = access(UNLIMITED)

    @get("/health/live", summary="Is the process alive", sync_to_thread=False)
    def live(self) -> dict[str, str]:
        return {"status": "up"}

    @get("/health/ready", summary="May it be sent traffic")
    async def ready(self, health: NamedDependency[Health]) -> Response[Readiness]:
        readiness = await health.readiness()
        return Response(readiness, status_code=200 if readiness.status == "up" else 503)

    @get("/health", summary="How is each part")
    async def report(self, health: NamedDependency[Health]) -> Response[dict[str, Any]]:
        report = await health.report()
        return Response(report, status_code=503 if report["status"] == "down" else 200)

    @get("/metrics", summary="Figures for Prometheus", media_type="text/plain")
    async def metrics(
        self,
        request: Request[Any, Any, Any],
        settings: NamedDependency[Settings],
        registry: NamedDependency[CollectorRegistry],
        periodic_work: NamedDependency[PeriodicWorkCollector],
        fleet_figures: NamedDependency[FleetFigures],
        database: NamedDependency[Database],
    ) -> Response[bytes]:
        if settings.metrics_token is not None:
            _check_token(request.headers.get("authorization", ""), settings.metrics_token.reveal())
        await fleet_figures.refresh()
        try:
            async with asyncio.timeout(_PATIENCE):
                periodic_work.rows = await last_runs(database)
        except Exception as error:
            if not database_is_away(error):
                raise
        encoder, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encoder(registry), headers={"content-type": content_type})


def _check_token(header: str, token: str) -> None:
    if not hmac.compare_digest(header.encode(), f"Bearer {token}".encode()):
        raise AppError(
            Code.UNAUTHORIZED,
            "Send 'Authorization: Bearer <the value of WAYPOST_METRICS_TOKEN>'.",
            headers={"WWW-Authenticate": 'Bearer realm="waypost-metrics"'},
        )
