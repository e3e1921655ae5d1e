"""A route of Litestar with nothing around it, served by granian as the API is: what ours is compared with.

`python -m tests.bench.bare_route PORT`
"""

import asyncio
import signal
import sys

import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar, get


@get("/")
async def bare() -> dict[str, str]:
    return {"answer": "bare"}


async def _serve(port: int) -> None:
    app = Litestar([bare], openapi_config=None, logging_config=None)
    server = Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False)
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.ensure_future(server.serve())
    waiting = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        server.stop()
    waiting.cancel()
    await serving


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
