"""What a phone does by itself with what arrives, as if its owner were always quick."""

import sqlite3

import msgspec

from worker.sandbox.database import pack, unpack

ECHO = "echo"


class Habits(msgspec.Struct, frozen=True):
    """`answers_with` is what every text of another person is answered with; echo gives the text back."""

    sends_receipts: bool = True
    reads_at_once: bool = False
    answers_with: str | None = None

    def answer_to(self, text: str) -> str | None:
        return text if self.answers_with == ECHO else self.answers_with


class PhoneHabits:
    def __init__(self, database: sqlite3.Connection, number: str) -> None:
        self._database = database
        self._number = number
        row = database.execute("SELECT record FROM habits WHERE number = ?", (number,)).fetchone()
        self._current = unpack(row[0], Habits) if row else Habits()

    @property
    def current(self) -> Habits:
        return self._current

    @current.setter
    def current(self, habits: Habits) -> None:
        self._current = habits
        self._database.execute("INSERT OR REPLACE INTO habits VALUES (?, ?)", (self._number, pack(habits)))
