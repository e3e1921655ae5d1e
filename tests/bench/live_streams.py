"""Open streams of both kinds, which note how long each event took to come to them."""

import asyncio
import itertools
import json
import time
from typing import Any

import aiohttp

SSE, SOCKET = "SSE", "WebSocket"
# So that no address opens too many a minute.
_ADDRESSES = itertools.count(1)
_OPENING_TOGETHER = 20


class Streams:
    """Every event carries when it was written, by the clock of this process."""

    def __init__(self, http: aiohttp.ClientSession, base: str) -> None:
        self._http = http
        self._base = base
        self._tasks: list[asyncio.Task[None]] = []
        self._opening = asyncio.Semaphore(_OPENING_TOGETHER)
        self.latencies: dict[str, list[float]] = {SSE: [], SOCKET: []}

    @property
    def received(self) -> int:
        return sum(map(len, self.latencies.values()))

    async def log_in(self, email: str, password: str) -> str:
        body = {"email": email, "password": password}
        return str((await self._post("/v1/auth/login", "", body))["accessToken"])

    async def open(self, token: str, kind: str) -> None:
        async with self._opening:
            opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            read = self._socket if kind == SOCKET else self._sse
            task = asyncio.create_task(read(token, opened))
            self._tasks.append(task)
            await asyncio.wait({task, opened}, return_when=asyncio.FIRST_COMPLETED)
            self.check()

    def check(self) -> None:
        """A stream that ended makes the figures worthless."""
        for task in self._tasks:
            if task.done():
                raise RuntimeError(f"a stream ended: {task.exception() or 'by itself'}")

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _sse(self, token: str, opened: asyncio.Future[None]) -> None:
        headers = _headers(token) | {"Accept": "text/event-stream"}
        async with self._http.get(f"{self._base}/v1/events", headers=headers) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                if line.startswith(b"data: "):
                    self._note(SSE, json.loads(line[6:]))
                elif not opened.done():
                    opened.set_result(None)

    async def _socket(self, token: str, opened: asyncio.Future[None]) -> None:
        ticket = (await self._post("/v1/events/tickets", token, {}))["ticket"]
        url = f"{self._base}/v1/events/ws"
        async with self._http.ws_connect(url, params={"ticket": ticket}, headers=_headers("")) as socket:
            async for message in socket:
                frame = json.loads(message.data)
                if "sequence" in frame:
                    self._note(SOCKET, frame)
                elif frame["type"] == "stream.open":
                    opened.set_result(None)

    async def _post(self, path: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._http.post(self._base + path, json=body, headers=_headers(token)) as answer:
            answer.raise_for_status()
            document: dict[str, Any] = await answer.json()
            return document

    def _note(self, kind: str, event: dict[str, Any]) -> None:
        self.latencies[kind].append(time.perf_counter() - event["data"]["writtenAt"])


def _headers(token: str) -> dict[str, str]:
    number = next(_ADDRESSES)
    headers = {"X-Forwarded-For": f"10.1.{number // 250}.{number % 250 + 1}"}
    return headers | ({"Authorization": f"Bearer {token}"} if token else {})
