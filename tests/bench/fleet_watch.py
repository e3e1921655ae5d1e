"""When sessions came back: by their own log of events, and by what the emulated network saw of them."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.local.errors import LaunchError
from tests.bench.fleet_owner import Owner
from tests.bench.fleet_servers import PATIENCE
from tests.fleet.network import Network
from tests.waiting import until

_EVERY_STATUS = {"types": "session.status", "limit": "200"}


@dataclass(frozen=True, slots=True)
class Change:
    at: float
    before: str
    status: str


class Watch:
    """The changes of state from `begin` on. The log has the time of the database, whose clock is ours."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._cursor = "latest"
        self._changes: dict[str, list[Change]] = {}

    async def begin(self) -> "Watch":
        await self._read()
        return self

    async def connected(self, names: Collection[str]) -> dict[str, float]:
        """Waits until each of them has changed and is connected; the moment of that."""

        async def all_are() -> bool:
            await self._read()
            return not self._missing(names)

        try:
            await until(all_are, within=PATIENCE)
        except TimeoutError:
            missing = self._missing(names)
            problem = f"{len(missing)} of {len(names)} sessions were not connected within {PATIENCE:.0f} s:"
            raise LaunchError(problem, str({name: self._changes.get(name) for name in missing})) from None
        return {name: self._changes[name][-1].at for name in names}

    def gap(self, name: str) -> float:
        """From the change that took it from `connected` to the one that it came back by."""
        changes = self._changes[name]
        left = next((change.at for change in changes if change.before == "connected"), changes[-1].at)
        return changes[-1].at - left

    async def _read(self) -> None:
        while True:
            query = {"after": self._cursor, **_EVERY_STATUS}
            page = await self._owner.call("GET", "/v1/events", 200, params=query)
            self._cursor = page["nextCursor"]
            for event in page["items"]:
                self._take(event)
            if len(page["items"]) < int(_EVERY_STATUS["limit"]):
                return

    def _take(self, event: dict[str, Any]) -> None:
        data, at = event["data"], datetime.fromisoformat(event["timestamp"]).timestamp()
        change = Change(at, data["previousStatus"], data["status"])
        self._changes.setdefault(data["name"], []).append(change)

    def _missing(self, names: Collection[str]) -> list[str]:
        return [
            name
            for name in names
            if not (changes := self._changes.get(name)) or changes[-1].status != "connected"
        ]


class NetworkWatch:
    """How long linked devices were away, as the far end of their connections has it."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._position = 0

    async def begin(self) -> None:
        entries = await self._network.journal(self._position)
        self._position = int(entries[-1]["position"]) if entries else self._position

    async def away(self, numbers: Collection[str]) -> list[float]:
        """Since then, of each device that went and came, in seconds."""
        return away(await self._network.devices_of(*numbers, after=self._position))


def away(entries: Iterable[Mapping[str, Any]]) -> list[float]:
    """A device that logs in again before its old connection has ended was not away."""
    connections: dict[str, int] = {}
    went: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for entry in entries:
        if entry["kind"] not in {"online", "offline"}:
            continue
        device, at = entry["device"], datetime.fromisoformat(entry["at"]).timestamp()
        before = connections.get(device, 1)
        connections[device] = before + (1 if entry["kind"] == "online" else -1)
        if connections[device] == 0:
            went[device] = at
        elif before == 0:
            seconds[device] = seconds.get(device, 0.0) + at - went[device]
    return list(seconds.values())


def now() -> float:
    return time.time()
