"""Who was connected when, and every message that the network accepted: the proof of what clients did."""

import sqlite3
from collections.abc import Iterator
from typing import Literal

import msgspec

from worker.sandbox.clock import Clock
from worker.sandbox.database import pack, unpack
from worker.sandbox.devices import DeviceName

REPLACED = "replaced"

Kind = Literal["online", "offline", "message"]


class Entry(msgspec.Struct, frozen=True):
    """`connection` numbers the connections of one start; the two numbers pair an online with its offline."""

    at: float
    kind: Kind
    device: str
    start: int = 0
    connection: int = 0
    message_id: str = ""
    recipient: str = ""
    reason: str = ""


class Journal:
    def __init__(self, database: sqlite3.Connection, clock: Clock, start: int) -> None:
        self._database = database
        self._clock = clock
        self._start = start

    def online(self, device: DeviceName, connection: int) -> None:
        self._write(Entry(self._clock.now(), "online", str(device), self._start, connection))

    def offline(self, device: DeviceName, connection: int, reason: str) -> None:
        self._write(Entry(self._clock.now(), "offline", str(device), self._start, connection, reason=reason))

    def accepted(self, device: DeviceName, message_id: str, recipient: str) -> None:
        self._write(Entry(self._clock.now(), "message", str(device), self._start, 0, message_id, recipient))

    def entries(self, kind: Kind | None = None, device: DeviceName | None = None) -> list[Entry]:
        return [
            entry
            for entry in self._all()
            if kind in (None, entry.kind) and (device is None or entry.device == str(device))
        ]

    def page(
        self, after: int = 0, kind: Kind | None = None, device: DeviceName | None = None, limit: int = 1000
    ) -> list[tuple[int, Entry]]:
        """Entries with their positions, which rise; the last of them is where the next page begins."""
        query = "SELECT position, record FROM journal WHERE position > :after"
        query += " AND kind = :kind" if kind else ""
        query += " AND device = :device" if device else ""
        values = {"after": after, "kind": kind, "device": str(device), "limit": limit}
        rows = self._database.execute(f"{query} ORDER BY position LIMIT :limit", values)
        return [(position, unpack(record, Entry)) for position, record in rows]

    def replacements(self) -> list[Entry]:
        """Ends of connections that a second log-in of the same device caused: for a time there were two."""
        return [entry for entry in self.entries("offline") if entry.reason == REPLACED]

    def _all(self) -> Iterator[Entry]:
        for (record,) in self._database.execute("SELECT record FROM journal ORDER BY position"):
            yield unpack(record, Entry)

    def _write(self, entry: Entry) -> None:
        self._database.execute(
            "INSERT INTO journal (at, kind, device, record) VALUES (?, ?, ?, ?)",
            (entry.at, entry.kind, entry.device, pack(entry)),
        )
