"""An open WebSocket of events, read frame by frame, by a client that may also stop reading."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from tests.factories import Person
from tests.replica import Replica


async def new_ticket(
    person: Person, *, bearer: str | None = None, on: Replica | None = None, **body: Any
) -> str:
    answer = await person.call("POST", "/v1/events/tickets", bearer=bearer, on=on, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket"])


class OpenSocket:
    def __init__(
        self, person: Person, *, ticket: str | None = None, on: Replica | None = None, after: str = ""
    ) -> None:
        """With a ticket of its own, unless one is given."""
        self._person = person
        self._ticket = ticket
        self._after = after
        self._replica = on or person.replica
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._said.put_nowait({"type": "websocket.connect"})
        self.reading = asyncio.Event()
        self.reading.set()
        self.place = ""
        self.close_code = 0
        self.close_reason = ""

    async def __aenter__(self) -> Self:
        ticket = await new_ticket(self._person) if self._ticket is None else self._ticket
        query = {"ticket": ticket} | ({"after": self._after} if self._after else {})
        scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": "/v1/events/ws",
            "raw_path": b"/v1/events/ws",
            "root_path": "",
            "query_string": urlencode(query).encode(),
            "headers": [(b"host", b"waypost.test"), (b"x-forwarded-for", self._person.address.encode())],
            "client": ("127.0.0.1", 1),
            "server": ("waypost.test", 80),
            "subprotocols": [],
        }
        self._task = asyncio.create_task(self._replica.app(scope, self._said.get, self._send))
        async with asyncio.timeout(15):
            assert (await self._sent.get())["type"] == "websocket.accept"
            self.first = await self.frame()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._said.put_nowait({"type": "websocket.disconnect", "code": 1000})
        self.reading.set()
        async with asyncio.timeout(15):
            await self._task

    def say(self, text: str) -> None:
        self._said.put_nowait({"type": "websocket.receive", "text": text})

    async def frame(self) -> dict[str, Any] | None:
        """None at the end."""
        message = await self._sent.get()
        if message["type"] == "websocket.close":
            self.close_code, self.close_reason = message["code"], message["reason"]
            return None
        frame: dict[str, Any] = json.loads(message["text"])
        self.place = frame.get("cursor", self.place)
        return frame

    async def next(self, count: int = 1) -> list[dict[str, Any]]:
        """Events alone."""
        events: list[dict[str, Any]] = []
        async with asyncio.timeout(20):
            while len(events) < count:
                frame = await self.frame()
                assert frame is not None, f"the socket was closed after {events}"
                assert frame["type"] != "stream.error", frame
                events += [frame] if "sequence" in frame else []
        return events

    async def numbers(self, count: int) -> list[int]:
        return [event["sequence"] for event in await self.next(count)]

    async def last_word(self) -> dict[str, Any]:
        """Reads to the end; what the stream said of it."""
        last: dict[str, Any] | None = self.first
        async with asyncio.timeout(20):
            while (frame := await self.frame()) is not None:
                last = frame
        assert last is not None
        assert last["type"] == "stream.error", last
        return last

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reading.wait()
        self._sent.put_nowait(message)
