"""What a worker does today: its engines stand ready, it finds its control plane, and it ends in order."""

import asyncio
import logging
import signal
import sys
from argparse import Namespace
from collections.abc import Mapping

import httpx

from shared.log_lines import configure_log_lines
from worker.engines.folder_lock import FolderInUse
from worker.node import Node
from worker.settings import Settings

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 10.0


def main(environment: Mapping[str, str], _arguments: Namespace) -> int:
    settings = Settings.from_environment(environment)
    configure_log_lines(settings.log_format, settings.log_level, f"worker:{settings.worker_id}")
    try:
        return asyncio.run(run(settings, environment))
    except FolderInUse as error:
        print(f"waypost: {error}", file=sys.stderr)
        return 1


async def run(settings: Settings, environment: Mapping[str, str]) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with Node(settings.node, environment) as node:
        if await reach(settings, stopping):
            fields = {
                "worker": settings.worker_id,
                "control_plane": settings.control_plane_url,
                "networks": node.networks,
            }
            log.info(
                "worker_idle: workers do not register yet; no sessions run here", extra={"fields": fields}
            )
        await stopping.wait()
    log.info("worker_stopped", extra={"fields": {"worker": settings.worker_id}})
    return 0


async def reach(settings: Settings, stopping: asyncio.Event) -> bool:
    """Asks until the control plane is ready, at growing intervals; False when the worker is to end before."""
    pause = 0.2
    async with httpx.AsyncClient(base_url=settings.control_plane_url, timeout=5) as client:
        while not stopping.is_set():
            try:
                answer = await client.get("/health/ready")
                if answer.status_code == httpx.codes.OK:
                    return True
                reason = f"status {answer.status_code}"
            except httpx.HTTPError as error:
                reason = type(error).__name__
            log.warning("control_plane_not_ready", extra={"fields": {"reason": reason, "retry_in": pause}})
            try:
                await asyncio.wait_for(stopping.wait(), pause)
            except TimeoutError:
                pause = min(pause * 2, _LONGEST_PAUSE)
    return False
