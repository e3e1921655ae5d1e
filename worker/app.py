"""The worker process, put together: its server, its node, its agent, and its end."""

import asyncio
import logging
import signal
import sys
from argparse import Namespace
from collections.abc import Mapping

import uvloop

from shared.log_lines import configure_log_lines
from worker.agent import Agent, Replaced
from worker.control_client import ControlClient
from worker.drain import Drain, end_at_the_latest, end_now
from worker.engines.folder_lock import FolderInUse
from worker.node import Node
from worker.server import Server
from worker.settings import Settings

log = logging.getLogger(__name__)


def main(environment: Mapping[str, str], _arguments: Namespace) -> int:
    settings = Settings.from_environment(environment)
    configure_log_lines(settings.log_format, settings.log_level, f"worker:{settings.worker_id}")
    try:
        return uvloop.run(run(settings, environment))
    except FolderInUse as error:
        print(f"waypost: {error}", file=sys.stderr)
    except PortTaken as error:
        print(f"waypost: {error}", file=sys.stderr)
    except BaseExceptionGroup as group:
        if group.subgroup(Replaced) is None:
            raise
        print(
            f"waypost: another process works as {settings.worker_id} now: give each worker a"
            " WAYPOST_WORKER_ID of its own",
            file=sys.stderr,
        )
    return 1


class PortTaken(Exception):  # noqa: N818 (said to people, as it is)
    """Nobody could reach this worker."""


async def run(settings: Settings, environment: Mapping[str, str]) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stopping)
    async with Node(settings.node, environment) as node:
        server = Server(settings.host, settings.port)
        try:
            await server.__aenter__()
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise PortTaken(f"WAYPOST_WORKER_PORT: nothing can listen on {where}: {error.strerror}") from None
        try:
            await _work(settings, node, server, stopping)
        finally:
            await server.__aexit__()
    log.info("worker_stopped", extra={"fields": {"worker": settings.worker_id}})
    return 0


async def _work(settings: Settings, node: Node, server: Server, stopping: asyncio.Event) -> None:
    client = ControlClient(settings.control_plane_url, settings.join_token)
    agent = Agent(settings, node, client, settings.endpoint or server.url)
    server.serve(agent)
    running, told = asyncio.create_task(agent.run()), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await Drain(agent).run()
    finally:
        running.cancel()
        told.cancel()
        ended, _ = await asyncio.gather(running, told, return_exceptions=True)
        await client.close()
    # Asked after the end in order, so that a fault of ours is seen and the process is started anew.
    if isinstance(ended, Exception):
        raise ended


def _stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        end_now()
    stopping.set()
    end_at_the_latest()
