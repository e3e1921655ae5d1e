"""Finds in the journal what must never be: two connections of one device at the same time."""

import msgspec

from worker.sandbox.journal import REPLACED, Entry


class Overlap(msgspec.Struct, frozen=True):
    """The log-ins of two connections; the second came while the first stood."""

    first: Entry
    second: Entry


class Overlaps:
    """Sees the entries of a journal in their order."""

    def __init__(self) -> None:
        self.found: list[Overlap] = []
        self._start = 0
        self._standing: dict[str, dict[int, Entry]] = {}
        # The network ends a connection in the moment in which a second one of its device logs in.
        self._replaced: dict[str, Entry] = {}

    def see(self, entry: Entry) -> None:
        if entry.start != self._start:
            # Connections do not outlive their network, even one that had no time to write down their ends.
            self._standing.clear()
            self._start = entry.start
        if entry.kind == "online":
            self._came(entry)
        elif entry.kind == "offline":
            self._went(entry)

    def _came(self, entry: Entry) -> None:
        standing = self._standing.setdefault(entry.device, {})
        replaced = self._replaced.pop(entry.device, None)
        firsts = [*standing.values(), *([replaced] if replaced else [])]
        self.found.extend(Overlap(first, entry) for first in firsts)
        standing[entry.connection] = entry

    def _went(self, entry: Entry) -> None:
        came = self._standing.get(entry.device, {}).pop(entry.connection, None)
        if came is not None and entry.reason == REPLACED:
            self._replaced[entry.device] = came
