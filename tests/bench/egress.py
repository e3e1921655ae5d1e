"""What judging costs: posts of the gate beside posts of the bare client, to one server of this machine.

`python -m tests.bench.egress` prints both; the server runs in a process of its own.
"""

import asyncio
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection

import aiohttp
import uvloop
from aiohttp import web

from control_plane.egress.answers import Limits
from control_plane.egress.gate import Egress
from control_plane.egress.own_servers import Server
from control_plane.settings import Networks

_BODY = b'{"type":"message","data":{"text":"%s"}}' % (b"x" * 400)
_HEADERS = {"Content-Type": "application/json", "webhook-id": "evt-1", "webhook-signature": "v1," + "a" * 44}
_AT_ONCE = 16
_POSTS = 4000
_ROUNDS = 5
_LIMITS = Limits(most_bytes=4096)

Post = Callable[[], Awaitable[None]]


class _Here:
    """A name server without a network, so that only our own work is measured."""

    async def addresses(self, host: str) -> list[str]:
        return ["127.0.0.1"]

    def close(self) -> None:
        pass


def serve(told: Connection) -> None:
    async def run() -> None:
        async def taken(request: web.BaseRequest) -> web.Response:
            await request.read()
            return web.Response(text="ok")

        runner = web.ServerRunner(web.Server(taken, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    uvloop.run(run())


async def _round(post: Post) -> tuple[float, float]:
    """Posts a second, and microseconds of this process for each of them."""
    left = iter(range(_POSTS))

    async def many() -> None:
        for _ in left:
            await post()

    began, busy = time.perf_counter(), time.process_time()
    await asyncio.gather(*[many() for _ in range(_AT_ONCE)])
    return _POSTS / (time.perf_counter() - began), (time.process_time() - busy) / _POSTS * 1e6


@asynccontextmanager
async def _ways(port: int) -> AsyncIterator[dict[str, Post]]:
    url = f"http://hooks.example:{port}/in"
    egress = Egress(
        ports=(range(1, 65536),),
        allowed=Networks(["127.0.0.1"]),
        own_servers=(Server("db.internal", 1),),
        names=_Here(),
    )
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=200), cookie_jar=aiohttp.DummyCookieJar()
    ) as http:

        async def bare() -> None:
            async with http.post(f"http://127.0.0.1:{port}/in", data=_BODY, headers=_HEADERS) as answer:
                await answer.read()

        async def judged() -> None:
            await egress.post(url, _BODY, _HEADERS, _LIMITS)

        try:
            yield {"bare aiohttp": bare, "Egress.post": judged}
        finally:
            await egress.close()


async def _measure(port: int) -> None:
    async with _ways(port) as ways:
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for post in ways.values():
            await _round(post)
        for _ in range(_ROUNDS):
            for name, post in ways.items():
                figures[name].append(await _round(post))
        for name, rounds in figures.items():
            rate, cost = (statistics.median(column) for column in zip(*rounds, strict=True))
            sys.stdout.write(f"{name:14} {rate:7.0f} posts/s {cost:6.0f} µs of processor time each\n")


def main() -> None:
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    sys.stdout.write(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {_AT_ONCE} at once\n")
    uvloop.run(_measure(here.recv()))
    server.terminate()
    server.join()


if __name__ == "__main__":
    main()
