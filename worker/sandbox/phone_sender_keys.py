"""A phone's sender keys: its own in each group, and those that others have told it."""

import sqlite3

from worker.sandbox.database import pack, unpack
from worker.sandbox.devices import DeviceName
from worker.sandbox.signal.errors import SignalError
from worker.sandbox.signal.sender_keys import SenderKey


class PhoneSenderKeys:
    def __init__(self, database: sqlite3.Connection, own: DeviceName) -> None:
        self._database = database
        self._own = own

    def seal(
        self, chat: str, plain: bytes, readers: list[DeviceName]
    ) -> tuple[bytes, set[DeviceName], bytes]:
        """The announcement of the key, the readers who have not heard it yet, and the sealed message."""
        key = self._load(chat, self._own) or SenderKey.generate()
        untold = {reader for reader in readers if str(reader) not in key.told}
        key.told |= {str(reader) for reader in untold}
        announcement, sealed = key.announcement(), key.seal(plain)
        self._save(chat, self._own, key)
        return announcement, untold, sealed

    def tell_again(self, chat: str, reader: DeviceName) -> None:
        """With the next message: this reader could not read the last."""
        key = self._load(chat, self._own)
        if key is not None:
            key.told.discard(str(reader))
            self._save(chat, self._own, key)

    def learn(self, chat: str, sender: DeviceName, announcement: bytes) -> None:
        key, known = SenderKey.announced(announcement), self._load(chat, sender)
        # Told again, an old key must not forget how far it has come.
        if known is None or known.key_id != key.key_id:
            self._save(chat, sender, key)

    def open(self, chat: str, sender: DeviceName, sealed: bytes) -> bytes:
        key = self._load(chat, sender)
        if key is None:
            raise SignalError(f"no sender key of {sender} in {chat}")
        plain = key.open(sealed)
        self._save(chat, sender, key)
        return plain

    def _load(self, chat: str, sender: DeviceName) -> SenderKey | None:
        query = "SELECT record FROM phone_sender_keys WHERE number = ? AND chat = ? AND sender = ?"
        row = self._database.execute(query, (self._own.number, chat, str(sender))).fetchone()
        return unpack(row[0], SenderKey) if row else None

    def _save(self, chat: str, sender: DeviceName, key: SenderKey) -> None:
        row = (self._own.number, chat, str(sender), pack(key))
        self._database.execute("INSERT OR REPLACE INTO phone_sender_keys VALUES (?, ?, ?, ?)", row)
