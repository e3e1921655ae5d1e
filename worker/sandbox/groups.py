"""Groups: who is in them, who may change them."""

import secrets
import sqlite3
import time

import msgspec

from worker.sandbox.accounts import Account, Accounts
from worker.sandbox.database import pack, unpack
from worker.sandbox.wire.jids import GROUP, Jid


class Group(msgspec.Struct):
    """`members` by number; the value says whether the person is an admin."""

    group_id: str
    subject: str
    creator: str
    created: int
    members: dict[str, bool]

    @property
    def jid(self) -> Jid:
        return Jid(self.group_id, GROUP)


class Groups:
    def __init__(self, database: sqlite3.Connection, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts
        self._known: dict[str, Group] = {}
        for (record,) in database.execute("SELECT record FROM groups"):
            group = unpack(record, Group)
            self._known[group.group_id] = group

    def create(self, creator: Account, subject: str, others: list[Account]) -> Group:
        members = {account.number: False for account in others} | {creator.number: True}
        group_id = f"120363{secrets.randbelow(10**12):012}"
        group = Group(group_id, subject, creator.number, int(time.time()), members)
        self.save(group)
        return group

    def save(self, group: Group) -> None:
        self._known[group.group_id] = group
        self._database.execute("INSERT OR REPLACE INTO groups VALUES (?, ?)", (group.group_id, pack(group)))

    def find(self, jid: Jid | None) -> Group | None:
        return self._known.get(jid.user) if jid and jid.server == GROUP else None

    def of(self, account: Account) -> list[Group]:
        return [group for group in self._known.values() if account.number in group.members]

    def members(self, group: Group) -> list[Account]:
        found = (self._accounts.of_number(number) for number in group.members)
        return [account for account in found if account]
