"""The companions linked to accounts, and the keys they have left for strangers."""

import sqlite3
from collections.abc import Iterable

import msgspec

from worker.sandbox.accounts import Account
from worker.sandbox.database import pack, together, unpack
from worker.sandbox.signal.prekeys import Bundle, PreKey, SignedPreKey


class DeviceName(msgspec.Struct, frozen=True):
    """Which device of which number; device 0 is the phone."""

    number: str
    device: int

    def __str__(self) -> str:
        return f"{self.number}:{self.device}"


class Device(msgspec.Struct, frozen=True):
    """A companion as it registered. `noise_key` is how it proves itself at log-in.

    `greeted` says whether its phone has told it what every new companion is told.
    """

    name: DeviceName
    noise_key: bytes
    identity: bytes
    registration_id: int
    signed_prekey: SignedPreKey
    greeted: bool = False


class Devices:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._known: dict[str, dict[int, Device]] = {}
        for (record,) in database.execute("SELECT record FROM devices ORDER BY number, device"):
            self._keep(unpack(record, Device))

    def link(self, device: Device) -> None:
        """Also how a device replaces its signed prekey."""
        self._keep(device)
        key = (device.name.number, device.name.device)
        self._database.execute("INSERT OR REPLACE INTO devices VALUES (?, ?, ?)", (*key, pack(device)))

    def unlink(self, name: DeviceName) -> None:
        self._known.get(name.number, {}).pop(name.device, None)
        for table in ("devices", "prekeys", "mailbox"):
            self._database.execute(
                f"DELETE FROM {table} WHERE number = ? AND device = ?",  # noqa: S608 (names of our own)
                (name.number, name.device),
            )

    def find(self, name: DeviceName) -> Device | None:
        return self._known.get(name.number, {}).get(name.device)

    def of(self, account: Account) -> list[Device]:
        return list(self._known.get(account.number, {}).values())

    def next_number(self, account: Account) -> int:
        """Numbers of unlinked devices come back only after all others, as sessions may remember them."""
        used = [device.name.device for device in self.of(account)]
        return max(used, default=0) + 1

    def add_prekeys(self, name: DeviceName, prekeys: Iterable[PreKey]) -> None:
        rows = [(name.number, name.device, prekey.key_id, prekey.public) for prekey in prekeys]
        # Hundreds at once: each in a transaction of its own would cost more than all the rest of a pairing.
        with together(self._database):
            self._database.executemany("INSERT OR REPLACE INTO prekeys VALUES (?, ?, ?, ?)", rows)

    def count_prekeys(self, name: DeviceName) -> int:
        query = "SELECT count(*) FROM prekeys WHERE number = ? AND device = ?"
        (count,) = self._database.execute(query, (name.number, name.device)).fetchone()
        return int(count)

    def bundle(self, device: Device) -> Bundle:
        """Takes one of the device's one-time keys, as long as there are any."""
        row = self._database.execute(
            "DELETE FROM prekeys WHERE rowid = (SELECT rowid FROM prekeys WHERE number = ? AND device = ?"
            " ORDER BY key_id LIMIT 1) RETURNING key_id, public",
            (device.name.number, device.name.device),
        ).fetchone()
        one_time = PreKey(*row) if row else None
        return Bundle(device.registration_id, device.identity, device.signed_prekey, one_time)

    def _keep(self, device: Device) -> None:
        self._known.setdefault(device.name.number, {})[device.name.device] = device
