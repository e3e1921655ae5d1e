"""An open stream of events, read message by message, by a client that may also stop reading."""

import asyncio
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from control_plane.db.engine import Database, SystemSite
from control_plane.events.log import NewEvent, append
from shared.ids import UserId, parse_public_id
from tests.factories import Person
from tests.replica import Replica


@dataclass(frozen=True)
class Received:
    id: str
    event: str
    data: dict[str, Any]


class OpenStream:
    def __init__(
        self,
        person: Person,
        *,
        bearer: str = "",
        on: Replica | None = None,
        last: str = "",
        stops_reading: bool = False,
        **query: str,
    ) -> None:
        """One that `stops_reading` takes the begin of the stream and then nothing until it is told to."""
        self._stops_reading = stops_reading
        self._replica = on or person.replica
        headers = {
            "accept": "text/event-stream",
            "authorization": f"Bearer {bearer or person.access_token}",
            "x-forwarded-for": person.address,
        }
        if last:
            headers["last-event-id"] = last
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/v1/events",
            "raw_path": b"/v1/events",
            "root_path": "",
            "query_string": urlencode(query).encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("waypost.test", 80),
        }
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._left = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()
        self.status = 0
        self.place = ""
        self._text = ""
        self.ended = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._replica.app(self._scope, self._receive, self._send))
        async with asyncio.timeout(15):
            start = await self._messages.get()
            self.status = start["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
            if self.status == 200:
                await self.message()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self.reading.set()
        async with asyncio.timeout(15):
            await self._task

    async def body(self) -> Any:
        """Of an answer that is no stream."""
        return json.loads((await self._messages.get())["body"])

    async def message(self) -> Received | None:
        """The next message with data, the next place, or None at the end."""
        while "\n\n" not in self._text:
            chunk = await self._messages.get()
            self._text += chunk["body"].decode()
            if not chunk["more_body"]:
                self.ended = True
                return None
        head, _, self._text = self._text.partition("\n\n")
        fields = dict(line.split(": ", 1) for line in head.splitlines() if not line.startswith(":"))
        self.place = fields.get("id", self.place)
        if "data" not in fields:
            return Received(self.place, "", {})
        return Received(self.place, fields["event"], json.loads(fields["data"]))

    async def next(self, count: int = 1) -> list[Received]:
        received: list[Received] = []
        async with asyncio.timeout(20):
            while len(received) < count:
                message = await self.message()
                assert message is not None, f"the stream ended after {received}"
                received += [message] if message.event else []
        return received

    async def numbers(self, count: int) -> list[int]:
        return [received.data["sequence"] for received in await self.next(count)]

    async def last_word(self) -> dict[str, Any]:
        """Reads to the end; what the stream said of it."""
        last: Received | None = None
        async with asyncio.timeout(20):
            while (message := await self.message()) is not None:
                last = message
        assert last is not None
        assert last.event == "error", last
        return last.data

    async def _receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reading.wait()
        self._messages.put_nowait(message)
        if self._stops_reading and b": open" in message.get("body", b""):
            self.reading.clear()


def tenant_of(person: Person) -> UserId:
    user_id = parse_public_id("usr", person.id)
    assert user_id is not None
    return UserId(user_id)


def happening(person: Person, *numbers: int, **fields: Any) -> list[NewEvent]:
    common = {"session_id": None, "type": "message.received", "data": {}} | fields
    return [NewEvent(user_id=tenant_of(person), sequence=number, **common) for number in numbers]


async def happen(database: Database, person: Person, *numbers: int, **fields: Any) -> None:
    async with database.system(SystemSite.ADMIN) as session:
        await append(session, happening(person, *numbers, **fields))


async def read_on(person: Person, count: int, cursor: str = "", **query: str) -> tuple[list[Any], str]:
    """Pages from a cursor until so many events were seen: what is new shows when nothing older runs."""
    items: list[Any] = []
    async with asyncio.timeout(20):
        while len(items) < count:
            page = (await person.call("GET", "/v1/events", params={"after": cursor, **query})).json()
            items, cursor = items + page["items"], page["nextCursor"]
    return items, cursor
