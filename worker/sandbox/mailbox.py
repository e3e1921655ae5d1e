"""What waits for a companion: kept until it has acknowledged, also while it is away."""

import sqlite3

from worker.sandbox.devices import DeviceName
from worker.sandbox.wire.decoding import decode
from worker.sandbox.wire.dictionary import NO_WORDS
from worker.sandbox.wire.encoding import encode
from worker.sandbox.wire.nodes import Node


class Mailbox:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def put(self, owner: DeviceName, stanza: Node) -> None:
        self._database.execute(
            "INSERT INTO mailbox (number, device, receipt, stanza) VALUES (?, ?, ?, ?)",
            (owner.number, owner.device, _receipt_for(stanza), encode(stanza, NO_WORDS)),
        )

    def waiting(self, owner: DeviceName) -> list[Node]:
        rows = self._database.execute(
            "SELECT stanza FROM mailbox WHERE number = ? AND device = ? ORDER BY position",
            (owner.number, owner.device),
        )
        return [decode(stanza, NO_WORDS) for (stanza,) in rows]

    def acknowledged(self, owner: DeviceName, answer: Node) -> None:
        """By a receipt for a message, or by an ack that names the class of what it answers."""
        self._database.execute(
            "DELETE FROM mailbox WHERE number = ? AND device = ? AND receipt = ?",
            (owner.number, owner.device, _receipt_of(answer)),
        )


def _receipt_for(stanza: Node) -> str:
    kind = "" if stanza.tag == "message" else stanza.text("type")
    return f"{stanza.tag}/{stanza.text('id')}/{kind}"


def _receipt_of(answer: Node) -> str:
    if answer.tag == "receipt":
        return f"message/{answer.text('id')}/"
    kind = "" if answer.text("class") == "message" else answer.text("type")
    return f"{answer.text('class')}/{answer.text('id')}/{kind}"
