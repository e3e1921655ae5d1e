"""Takes webhooks, and tells how long after its event each one came. `/dead` answers nothing, ever.

`python -m tests.bench.webhook_receiver PORT`
"""

import asyncio
import json
import signal
import sys
import time

import uvloop
from aiohttp import web


class Arrivals:
    def __init__(self) -> None:
        self.moments: list[float] = []
        self.waits: list[float] = []
        self.ids: set[str] = set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/figures":
            return self._figures()
        body = json.loads(await request.read())
        if request.path == "/dead":
            await asyncio.Event().wait()
        now = time.time()
        self.moments.append(now)
        self.waits.append(now - body["data"]["at"])
        self.ids.add(f"{request.path} {body['id']}")
        return web.Response()

    def _figures(self) -> web.Response:
        """Of all that came since the last time that somebody asked for a whole."""
        ordered = sorted(self.waits)
        last = len(ordered) - 1
        return web.json_response(
            {
                "count": len(ordered),
                "different": len(self.ids),
                "seconds": self.moments[-1] - self.moments[0] if self.moments else 0,
                "p50": ordered[last // 2] if ordered else 0,
                "p99": ordered[int(last * 0.99)] if ordered else 0,
                "last": self.moments[-1] if self.moments else 0,
            }
        )


async def _serve(port: int) -> None:
    arrivals, stopping = Arrivals(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    runner = web.ServerRunner(web.Server(arrivals.answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await stopping.wait()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
