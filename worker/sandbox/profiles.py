"""What people show of themselves, and whom they keep away."""

import sqlite3

import msgspec

from worker.sandbox.database import pack, unpack

# Everybody on this network hides nothing until they say otherwise.
PRIVACY = {
    "groupadd": "all",
    "last": "all",
    "status": "all",
    "profile": "all",
    "readreceipts": "all",
    "online": "all",
    "calladd": "all",
}


class Picture(msgspec.Struct, frozen=True):
    picture_id: str
    direct_path: str


class Profile(msgspec.Struct):
    """`blocked` are the numbers of people, `link` is the end of the link that leads to this one."""

    about: str = ""
    picture: Picture | None = None
    blocked: list[str] = []
    privacy: dict[str, str] = {}
    link: str = ""

    def privacy_of(self, category: str) -> str:
        return self.privacy.get(category, PRIVACY[category])


class Profiles:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._known: dict[str, Profile] = {}
        for number, record in database.execute("SELECT number, record FROM profiles"):
            self._known[number] = unpack(record, Profile)

    def of(self, number: str) -> Profile:
        """To be saved when it was changed."""
        return self._known.get(number) or Profile()

    def linked_by(self, code: str) -> str | None:
        """The number behind a link."""
        return next((number for number, known in self._known.items() if code and known.link == code), None)

    def save(self, number: str, profile: Profile) -> None:
        self._known[number] = profile
        self._database.execute("INSERT OR REPLACE INTO profiles VALUES (?, ?)", (number, pack(profile)))
