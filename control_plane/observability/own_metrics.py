"""The figures of a process that serves no API: on a port of its own, for those who know the token."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from shared.redaction import Secret


@asynccontextmanager
async def served(
    registry: CollectorRegistry, host: str, port: int, token: Secret | None
) -> AsyncIterator[int | None]:
    """The port; None where there is to be none."""
    if not port:
        yield None
        return

    async def metrics(request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        if token is not None and not hmac.compare_digest(given.encode(), f"Bearer {token.reveal()}".encode()):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Bearer realm="waypost-metrics"'})
        encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encoder(registry), headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield port
    finally:
        await runner.cleanup()
