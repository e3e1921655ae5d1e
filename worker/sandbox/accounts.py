"""Who has an account on the network. Each is known by a phone number and by a LID that hides it."""

import sqlite3
from itertools import islice

import msgspec

from worker.sandbox.chance import Chance
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
    def __init__(self, database: sqlite3.Connection, chance: Chance) -> None:
        self._database = database
        self._chance = chance
        self._numbers = chance.of("numbers")
        self._by_number: dict[str, Account] = {}
        self._by_lid: dict[str, Account] = {}
        for (record,) in database.execute("SELECT record FROM accounts"):
            self._keep(unpack(record, Account))

    def __len__(self) -> int:
        return len(self._by_number)

    def first(self, count: int) -> list[Account]:
        return list(islice(self._by_number.values(), count))

    def open(self, number: str, name: str) -> Account:
        lid = str(10**14 + self._chance.of(f"LID of {number}").below(9 * 10**14))
        account = Account(number, lid, name)
        self._database.execute("INSERT INTO accounts VALUES (?, ?)", (number, pack(account)))
        self._keep(account)
        return account

    def unused_number(self) -> str:
        while True:
            # No country has this code, so it is the number of nobody outside either.
            number = f"99955{self._numbers.below(10**8):08}"
            if number not in self._by_number:
                return number

    def find(self, jid: Jid | None) -> Account | None:
        if jid is None:
            return None
        return (self._by_lid if jid.server == LID else self._by_number).get(jid.user)

    def of_number(self, number: str) -> Account | None:
        return self._by_number.get(number)

    def known(self, number: str) -> Account:
        account = self._by_number.get(number)
        if account is None:
            raise LookupError(f"nobody has the number {number}")
        return account

    def find_text(self, address: str) -> Account | None:
        """By an address as messages carry it, which may be anything."""
        try:
            return self.find(Jid.parse(address))
        except ValueError:
            return None

    def rename(self, number: str, name: str) -> None:
        account = msgspec.structs.replace(self.known(number), name=name)
        self._keep(account)
        self._database.execute("UPDATE accounts SET record = ? WHERE number = ?", (pack(account), number))

    def _keep(self, account: Account) -> None:
        self._by_number[account.number] = account
        self._by_lid[account.lid] = account
