"""Whether the emulator is there, and how busy it is."""

from aiohttp import web

from worker.sandbox.control.answers import answer, moment
from worker.sandbox.control.subjects import network_of


async def health(request: web.Request) -> web.Response:
    network = network_of(request)
    return answer(
        {
            "status": "up",
            "startedAt": moment(network.started_at),
            "clients": len(network.online),
            "accounts": len(network.accounts),
        }
    )


ROUTES = [web.get("/health", health)]
