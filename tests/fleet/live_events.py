"""The stream of events as an owner reads it, over a real connection."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.fleet.user import User

Event = dict[str, Any]


class LiveEvents:
    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self, kind: str, **data: Any) -> Event:
        """The next of this type whose data hold this; what came before it is passed over."""
        async with asyncio.timeout(30):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                event = json.loads(value) if name == "data" else {}
                if event.get("type") == kind and data.items() <= event["data"].items():
                    return dict(event)
        raise AssertionError(f"the stream ended without {kind}")


@asynccontextmanager
async def live_events(user: User, bearer: str = "", **query: str) -> AsyncIterator[LiveEvents]:
    """From now on; with a key of theirs, where one is given."""
    headers = {"Accept": "text/event-stream"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    async with user.client.stream("GET", "/v1/events", headers=headers, params=query) as answer:
        assert answer.status_code == 200
        yield LiveEvents(answer.aiter_lines())
