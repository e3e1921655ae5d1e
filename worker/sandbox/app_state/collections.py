"""The network's side: patches in order, kept for every device of the account that asks."""

import sqlite3

NAMES = ("critical_block", "critical_unblock_low", "regular_high", "regular", "regular_low")


class Collections:
    """A patch counts on top of the last one; what was made on top of an older one is refused."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def patches(self, number: str, collection: str, after: int = 0) -> list[bytes]:
        rows = self._database.execute(
            "SELECT patch FROM app_state WHERE number = ? AND collection = ? AND version > ?"
            " ORDER BY version",
            (number, collection, after),
        )
        return [patch for (patch,) in rows]

    def version(self, number: str, collection: str) -> int:
        query = "SELECT max(version) FROM app_state WHERE number = ? AND collection = ?"
        (version,) = self._database.execute(query, (number, collection)).fetchone()
        return version or 0

    def add(self, number: str, collection: str, based_on: int, patch: bytes) -> int | None:
        """The version that the patch made, or None when another device was quicker."""
        if self.version(number, collection) != based_on:
            return None
        row = (number, collection, based_on + 1, patch)
        self._database.execute("INSERT INTO app_state VALUES (?, ?, ?, ?)", row)
        return based_on + 1
