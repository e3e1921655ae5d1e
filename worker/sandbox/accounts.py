"""Who has an account on the network. Each is known by a phone number and by a LID that hides it."""

import random
import sqlite3

import msgspec

from worker.sandbox.database import pack, unpack
from worker.sandbox.wire.jids import LID, PHONE_NUMBER, Jid


class Account(msgspec.Struct, frozen=True):
    number: str
    lid: str
    name: str

    @property
    def phone_jid(self) -> Jid:
        return Jid(self.number, PHONE_NUMBER)

    @property
    def lid_jid(self) -> Jid:
        return Jid(self.lid, LID)


class Accounts:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._by_number: dict[str, Account] = {}
        self._by_lid: dict[str, Account] = {}
        for (record,) in database.execute("SELECT record FROM accounts"):
            self._keep(unpack(record, Account))

    def open(self, number: str, name: str) -> Account:
        lid = str(random.randrange(10**14, 10**15))
        account = Account(number, lid, name)
        self._database.execute("INSERT INTO accounts VALUES (?, ?)", (number, pack(account)))
        self._keep(account)
        return account

    def find(self, jid: Jid | None) -> Account | None:
        if jid is None:
            return None
        return (self._by_lid if jid.server == LID else self._by_number).get(jid.user)

    def of_number(self, number: str) -> Account | None:
        return self._by_number.get(number)

    def _keep(self, account: Account) -> None:
        self._by_number[account.number] = account
        self._by_lid[account.lid] = account
