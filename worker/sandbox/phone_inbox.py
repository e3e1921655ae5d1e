"""What has arrived at a phone, in order, for those who look back and for those who wait."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from worker.sandbox.devices import DeviceName
from worker.sandbox.wire.nodes import Node

# A phone that nobody looks at must not fill the memory.
_LONGEST = 5_000
# More than arrives between two starts of the network, so that positions rise over its restarts too.
_POSITIONS_OF_A_START = 1_000_000_000

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """Each item has a position that never comes again. When the inbox is full, the oldest goes."""

    def __init__(self, start: int) -> None:
        self._items: deque[tuple[int, Item]] = deque(maxlen=_LONGEST)
        self._last = self._taken = start * _POSITIONS_OF_A_START
        self._news = asyncio.Event()

    def put(self, item: Item) -> None:
        self._last += 1
        self._items.append((self._last, item))
        self._news.set()
        self._news = asyncio.Event()

    async def take(self) -> Item:
        """The oldest that nobody has taken yet."""
        while not (found := self.after(self._taken, 1)):
            await self._news.wait()
        self._taken, item = found[0]
        return item

    def after(self, position: int, limit: int) -> list[tuple[int, Item]]:
        gone = self._last - len(self._items)
        return list(islice(self._items, max(0, position - gone), max(0, position - gone) + limit))

    async def wait_for_more(self, position: int, seconds: float) -> None:
        """Until something has come after this position, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.after(position, 1):
                    await self._news.wait()

    def __iter__(self) -> Iterator[Item]:
        """The newest first."""
        return (item for _, item in reversed(self._items))


@dataclass(frozen=True, slots=True)
class SeenPresence:
    """`kind` is available, unavailable, composing, recording or paused; a chat only for the last three."""

    person: str
    kind: str
    chat: str = ""
    last_seen: int | None = None


@dataclass(frozen=True, slots=True)
class CallNews:
    """`kind` is offer, reject, accept, terminate and so on, as the stanza names it."""

    call_id: str
    sender: DeviceName
    kind: str


def presence_in(stanza: Node, person: str, chat: str) -> SeenPresence:
    if stanza.tag == "presence":
        last = stanza.text("last")
        return SeenPresence(person, stanza.text("type") or "available", last_seen=int(last) if last else None)
    child = stanza.children[0]
    kind = "recording" if child.text("media") == "audio" and child.tag == "composing" else child.tag
    return SeenPresence(person, kind, chat)
