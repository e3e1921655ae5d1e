"""A virtual phone's own keys: its identity, and what it leaves for those who write to it first."""

import sqlite3

import msgspec

from worker.sandbox.chance import Chance
from worker.sandbox.database import pack, unpack
from worker.sandbox.signal.curve import KeyPair
from worker.sandbox.signal.prekeys import Bundle, PreKey, SignedPreKey


class _Record(msgspec.Struct):
    identity: KeyPair
    registration_id: int
    signed_prekey: KeyPair
    signed: SignedPreKey
    next_prekey: int = 1


class PhoneKeys:
    """Kept in the store: peers that have a session with a phone must find the same phone later."""

    def __init__(self, database: sqlite3.Connection, number: str, chance: Chance) -> None:
        self._database = database
        self._number = number
        self._chance = chance
        row = database.execute("SELECT record FROM phones WHERE number = ?", (number,)).fetchone()
        self._record = unpack(row[0], _Record) if row else self._make()

    @property
    def identity(self) -> KeyPair:
        return self._record.identity

    @property
    def registration_id(self) -> int:
        return self._record.registration_id

    def signed_prekey(self, key_id: int) -> KeyPair | None:
        return self._record.signed_prekey if key_id == self._record.signed.key_id else None

    def bundle(self) -> Bundle:
        """Each asker gets a one-time key of its own."""
        key_id, pair = self._record.next_prekey, self._chance.key_pair()
        self._database.execute(
            "INSERT INTO phone_prekeys VALUES (?, ?, ?)", (self._number, key_id, pair.private)
        )
        self._record.next_prekey += 1
        self._save()
        one_time = PreKey(key_id, pair.public)
        return Bundle(self.registration_id, self.identity.public, self._record.signed, one_time)

    def one_time_prekey(self, key_id: int) -> KeyPair | None:
        query = "SELECT private FROM phone_prekeys WHERE number = ? AND key_id = ?"
        row = self._database.execute(query, (self._number, key_id)).fetchone()
        return KeyPair.of(row[0]) if row else None

    def use_up(self, key_id: int) -> None:
        query = "DELETE FROM phone_prekeys WHERE number = ? AND key_id = ?"
        self._database.execute(query, (self._number, key_id))

    def _make(self) -> _Record:
        identity, signed_prekey = self._chance.key_pair(), self._chance.key_pair()
        signed = SignedPreKey.issue(1, signed_prekey.public, identity)
        self._record = _Record(identity, self._chance.below(16_380) + 1, signed_prekey, signed)
        self._save()
        return self._record

    def _save(self) -> None:
        row = (self._number, pack(self._record))
        self._database.execute("INSERT OR REPLACE INTO phones VALUES (?, ?)", row)
