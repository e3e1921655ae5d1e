"""Shops and their friends that write to each other without a rest, whatever happens to Waypost meanwhile."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.fleet.stage import Stage

# Answers that say: not now, ask again with the same key.
_AGAIN = frozenset({409, 429, 500, 502, 503, 504})
_PAUSE = 0.05


@dataclass
class Accepted:
    text: str
    id: str


@dataclass
class Line:
    """One session and the friend whom it writes to, and who writes to it."""

    session: str
    phone: str
    friend: str
    accepted: list[Accepted] = field(default_factory=list)
    # Ids of the network, each with its text.
    written: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


class Traffic:
    """`pause` is between two messages of a line, each way."""

    def __init__(self, fleet: Stage, lines: list[Line], pause: float) -> None:
        self._fleet = fleet
        self._lines = lines
        self._pause = pause
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.news = asyncio.Event()

    @property
    def accepted(self) -> int:
        return sum(len(line.accepted) for line in self._lines)

    def start(self) -> None:
        for number, line in enumerate(self._lines):
            self._tasks.append(asyncio.create_task(self._sends(line, wait=number % 2 == 0)))
            self._tasks.append(asyncio.create_task(self._is_written_to(line)))

    async def more(self, count: int) -> None:
        """Until so many more were accepted."""
        wanted = self.accepted + count
        while self.accepted < wanted:
            for task in self._tasks:
                if task.done():
                    task.result()
            self.news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), 5)

    async def end(self) -> None:
        self._ending.set()
        await asyncio.gather(*self._tasks)

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), self._pause)

    async def _sends(self, line: Line, *, wait: bool) -> None:
        number = 0
        while not self._ending.is_set():
            number += 1
            text = f"{line.session} out {number}"
            message = await self._accepted(line, text, wait=wait)
            if message is None:
                line.refused.append(text)
            else:
                line.accepted.append(Accepted(text, message["id"]))
            self.news.set()
            await self._rest()

    async def _accepted(self, line: Line, text: str, *, wait: bool) -> dict[str, Any] | None:
        """As a careful caller does it: with a key, and again until there is an answer."""
        headers = {"Idempotency-Key": text.replace(" ", "-")} | ({} if wait else {"Prefer": "respond-async"})
        path, body = f"/v1/sessions/{line.session}/messages", {"to": line.friend, "text": text}
        while True:
            try:
                answer = await self._fleet.client.post(path, json=body, headers=headers)
            except httpx.HTTPError:
                await asyncio.sleep(_PAUSE)
                continue
            if answer.status_code in {201, 202}:
                found: dict[str, Any] = answer.json()
                return found
            if answer.status_code not in _AGAIN:
                return None
            await asyncio.sleep(_PAUSE)

    async def _is_written_to(self, line: Line) -> None:
        number = 0
        while not self._ending.is_set():
            number += 1
            text = f"{line.session} in {number}"
            message_id = await self._fleet.network.phone_writes(line.friend, line.phone, text)
            line.written[message_id] = text
            await self._rest()
