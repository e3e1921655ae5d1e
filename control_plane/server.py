"""Serves the API with granian, inside this process, and stops in order."""

import argparse
import asyncio
import logging
import os
import signal
import socket
from contextlib import suppress

import structlog
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

from control_plane.app import litestar_app
from control_plane.http.request_context import RequestContext
from control_plane.parts import assemble
from control_plane.settings import Settings

log = structlog.get_logger(__name__)

# After what was in flight had its time: for connections to close and pools to empty.
_STOP_SECONDS = 2.0
# Connections that stand may be idle, or listen for events; by itself the server would take 128 of them.
_CONNECTIONS = 20_000
_WAITING = 2_048


def serve_until_stopped(settings: Settings, _options: argparse.Namespace) -> int:
    return uvloop.run(serve(settings))


async def serve(settings: Settings) -> int:
    """Until SIGTERM or SIGINT. First it says that it is not ready, then it answers what is in flight."""
    problem = _address_problem(settings.host, settings.port)
    if problem is not None:
        log.error("cannot_listen", host=settings.host, port=settings.port, reason=problem)
        return 1
    parts = assemble(settings)
    app = RequestContext(litestar_app(parts), parts.registry, settings.trusted_proxies)
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        log_enabled=False,
        backlog=_WAITING,
        backpressure=_CONNECTIONS,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.ensure_future(server.serve())
    log.info("api_started", host=settings.host, port=settings.port)
    waiting = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        waiting.cancel()
        log.error("api_ended_by_itself", error=str(serving.exception()))
        return 1
    parts.health.draining = True
    log.info("api_stopping", in_flight=app.in_flight)
    await _drained(app, settings.drain_seconds)
    server.stop()  # type: ignore[no-untyped-call]
    done, _ = await asyncio.wait({serving}, timeout=_STOP_SECONDS)
    if not done:
        # A client that never ends its request must not hold up the end: the server itself would wait for it.
        log.warning("api_stopped_with_requests", in_flight=app.in_flight)
        await parts.close()
        logging.shutdown()
        os._exit(0)
    log.info("api_stopped")
    return 0


async def _drained(app: RequestContext, patience: float) -> None:
    """What has begun is answered; a load balancer has learnt meanwhile that nothing new should come."""
    with suppress(TimeoutError):
        await asyncio.wait_for(app.idle.wait(), patience)


def _address_problem(host: str, port: int) -> str | None:
    """granian shares its port with SO_REUSEPORT, so that two APIs on one port would split the requests."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return None
