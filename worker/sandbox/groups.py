"""Groups: who is in them, who may change them."""

import sqlite3

import msgspec

from worker.sandbox.accounts import Account, Accounts
from worker.sandbox.chance import Chance
from worker.sandbox.clock import Clock
from worker.sandbox.database import pack, unpack
from worker.sandbox.profiles import Picture
from worker.sandbox.wire.jids import GROUP, Jid


class Description(msgspec.Struct, frozen=True):
    """Each has an id, by which clients say which one they replace; `author` is a number."""

    text: str
    description_id: str
    author: str
    at: int


class Group(msgspec.Struct):
    """`members` by number; the value says whether the person is an admin.

    `renamed` says by whom and when, `invite` is the end of its link, empty until somebody asks for it.
    """

    group_id: str
    subject: str
    creator: str
    created: int
    members: dict[str, bool]
    renamed: tuple[str, int] | None = None
    description: Description | None = None
    picture: Picture | None = None
    invite: str = ""
    locked: bool = False
    announcement: bool = False
    expiration: int = 0

    @property
    def jid(self) -> Jid:
        return Jid(self.group_id, GROUP)

    def may_change(self, number: str) -> bool:
        """Subject, description and picture; who is in it is for admins alone."""
        return self.members.get(number, False) if self.locked else number in self.members


class Groups:
    def __init__(
        self, database: sqlite3.Connection, accounts: Accounts, clock: Clock, chance: Chance
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock
        self._chance = chance
        self._known: dict[str, Group] = {}
        for (record,) in database.execute("SELECT record FROM groups"):
            group = unpack(record, Group)
            self._known[group.group_id] = group

    def create(self, creator: Account, subject: str, others: list[Account]) -> Group:
        members = {account.number: False for account in others} | {creator.number: True}
        group_id = f"120363{self._chance.below(10**12):012}"
        group = Group(group_id, subject, creator.number, self._clock.seconds(), members)
        self.save(group)
        return group

    def save(self, group: Group) -> None:
        self._known[group.group_id] = group
        self._database.execute("INSERT OR REPLACE INTO groups VALUES (?, ?)", (group.group_id, pack(group)))

    def find(self, jid: Jid | None) -> Group | None:
        return self._known.get(jid.user) if jid and jid.server == GROUP else None

    def find_text(self, address: str) -> Group | None:
        user, _, server = address.rpartition("@")
        return self._known.get(user) if server == GROUP else None

    def invited_by(self, code: str) -> Group | None:
        return next((group for group in self._known.values() if code and group.invite == code), None)

    def of(self, account: Account) -> list[Group]:
        return [group for group in self._known.values() if account.number in group.members]

    def members(self, group: Group) -> list[Account]:
        found = (self._accounts.of_number(number) for number in group.members)
        return [account for account in found if account]
