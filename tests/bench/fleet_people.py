"""Virtual phones that sessions write to and hear from, and the live events in which their words arrive."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from tests.bench.fleet_network import Phones
from tests.bench.fleet_owner import Owner

_HEARD_SECONDS = 60.0
_LONGEST_LINE = 2**20


@dataclass(frozen=True, slots=True)
class Pair:
    """A session and the person that it talks with."""

    session: str
    number: str
    person: str


class Ears:
    """Notes when the text of an inbound message arrives in the stream of events."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[float]] = {}

    def expect(self, text: str) -> "asyncio.Future[float]":
        self._waiting[text] = future = asyncio.get_running_loop().create_future()
        return future

    async def listen(self, answer: aiohttp.ClientResponse) -> None:
        async for line in answer.content:
            if line.startswith(b"data: "):
                moment, event = time.perf_counter(), json.loads(line.removeprefix(b"data: "))
                future = self._waiting.pop(event["data"]["text"], None)
                if future is not None and not future.done():
                    future.set_result(moment)


@asynccontextmanager
async def listening(owner: Owner) -> AsyncIterator[Ears]:
    headers = {"Accept": "text/event-stream"}
    query = {"types": "message.received"}
    ears, endless = Ears(), aiohttp.ClientTimeout(total=None)
    async with owner.http.get("/v1/events", headers=headers, params=query, timeout=endless) as answer:
        answer.raise_for_status()
        task = asyncio.create_task(ears.listen(answer))
        try:
            yield ears
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def hear(network: Phones, ears: Ears, pair: Pair, text: str) -> float:
    """Seconds from the moment that the phone is told to write."""
    heard, began = ears.expect(text), time.perf_counter()
    await network.phone_writes(pair.person, pair.number, text)
    async with asyncio.timeout(_HEARD_SECONDS):
        return await heard - began


async def get_acquainted(owner: Owner, network: Phones, ears: Ears, names: list[str]) -> list[Pair]:
    """Both directions of each Signal session, so that what is measured is not the first message of a life."""
    cards = await owner.sessions()
    pairs = [Pair(name, cards[name]["phone"], await network.new_phone()) for name in names]
    for pair in pairs:
        await hear(network, ears, pair, f"hello {pair.session}")
        await send(owner, pair, "hello yourself")
        await hear(network, ears, pair, f"good morning {pair.session}")
    return pairs


async def send(owner: Owner, pair: Pair, text: str) -> float:
    """Seconds until WhatsApp has acknowledged it."""
    body, began = {"to": f"+{pair.person}", "text": text}, time.perf_counter()
    await owner.call("POST", f"/v1/sessions/{pair.session}/messages", 201, json=body)
    return time.perf_counter() - began
