"""Callers that never rest: they send, read and connect. Any answer but the right one is a failure."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from tests.fleet.stage import Stage
from tests.waiting import until

ANN = "+4915100000011"

Call = Callable[[str, int], Coroutine[Any, Any, None]]


class Load:
    """`async with`: one caller of each kind for each session, one call at a time."""

    def __init__(self, fleet: Stage, names: tuple[str, ...]) -> None:
        self._fleet = fleet
        self._names = names
        self._tasks: list[asyncio.Task[None]] = []
        self._ending = False
        self.done: Counter[str] = Counter()
        self.sent: dict[str, list[str]] = {name: [] for name in names}

    async def __aenter__(self) -> Self:
        kinds: list[Call] = [self._send, self._read, self._connect]
        self._tasks = [
            asyncio.create_task(self._again_and_again(kind, name)) for kind in kinds for name in self._names
        ]
        self._tasks.append(asyncio.create_task(self._again_and_again(self._make_one, "new")))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending = True
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        failed = [each for each in ended if isinstance(each, BaseException)]
        if failed and error is None:
            raise failed[0]

    async def goes_on(self, more: int) -> None:
        """Until each kind of call has been answered so many times more."""
        wanted = {kind: self.done[kind] + more for kind in ("sent", "read", "connected")}
        wanted["made"] = self.done["made"] + 1

        async def so_many() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return all(self.done[kind] >= count for kind, count in wanted.items())

        await until(so_many, within=60)

    async def _again_and_again(self, call: Call, name: str) -> None:
        for number in itertools.count():
            if self._ending:
                return
            await call(name, number)

    async def _send(self, name: str, number: int) -> None:
        text = f"{name} {number}"
        await self._fleet.sends(name, ANN, text)
        self.sent[name].append(text)
        self.done["sent"] += 1

    async def _read(self, name: str, number: int) -> None:
        paths = (f"/v1/sessions/{name}", f"/v1/sessions/{name}/messages", "/v1/sessions", "/v1/events")
        await self._fleet.call("GET", paths[number % len(paths)], 200)
        self.done["read"] += 1

    async def _connect(self, name: str, _: int) -> None:
        answer = await self._fleet.call("POST", f"/v1/sessions/{name}/connect", 202)
        assert answer["status"] == "connected", answer
        self.done["connected"] += 1

    async def _make_one(self, name: str, number: int) -> None:
        """A session from its card to its deletion, with a code that is seen."""
        name = f"{name}-{number}"
        await self._fleet.call("POST", "/v1/sessions", 201, json={"name": name, "sandbox": True})
        connecting = await self._fleet.call("POST", f"/v1/sessions/{name}/connect", 202, json={"wait": 20})
        assert connecting["qr"], connecting
        await self._fleet.call("DELETE", f"/v1/sessions/{name}", 204)
        self.done["made"] += 1
