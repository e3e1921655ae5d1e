"""A history as one long file: read in small pieces, so that no memory and no transaction grows with it."""

import csv
import io
import re
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from control_plane.db.engine import Database
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.repository import Filters, MessageRepository
from control_plane.messages.schemas import MessageView
from shared.ids import UserId

_AT_ONCE = 500
_COLUMNS = (
    "id",
    "createdAt",
    "direction",
    "type",
    "chatId",
    "from",
    "to",
    "phone",
    "lid",
    "pushName",
    "text",
    "status",
    "ack",
    "error",
    "forwarded",
    "history",
    "sentAt",
    "deliveredAt",
    "readAt",
    "editedAt",
    "revokedAt",
    "whatsappMessageId",
    "replyTo",
    "content",
)
_OF_FILE = ("status", "contentType", "size", "sha256", "fileName", "url")
_NUMBER = re.compile(r"[+-]?[0-9]+")
# What makes a spreadsheet take a cell for a formula, whatever it says about the file.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


class Export:
    """Of one session; whoever stops reading ends it."""

    def __init__(
        self,
        database: Database,
        links: MediaLinks,
        user_id: UserId,
        session_id: uuid.UUID,
        wanted: Filters,
        *,
        at_once: int = _AT_ONCE,
    ) -> None:
        self._database = database
        self._links = links
        self._user_id = user_id
        self._session_id = session_id
        self._wanted = wanted
        self._at_once = at_once

    async def lines(self) -> AsyncIterator[bytes]:
        async for views in self._pieces():
            yield b"".join(msgspec.json.encode(view) + b"\n" for view in views)

    async def csv(self) -> AsyncIterator[bytes]:
        yield _written([[*_COLUMNS, *(f"media.{name}" for name in _OF_FILE)]])
        async for views in self._pieces():
            yield _written([_row(view) for view in views])

    async def _pieces(self) -> AsyncIterator[Sequence[MessageView]]:
        """The newest first; each piece is read in a transaction of its own."""
        after: tuple[datetime, uuid.UUID] | None = None
        while True:
            async with self._database.tenant(self._user_id) as db:
                rows = await MessageRepository(db).page(self._session_id, after, self._at_once, self._wanted)
            if rows:
                yield [MessageView.of(row, self._links) for row in rows]
            if len(rows) < self._at_once:
                return
            after = rows[-1].created_at, rows[-1].id


def _written(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    # A stranger's half of a sign must not end the file.
    return text.getvalue().encode(errors="replace")


def _row(view: MessageView) -> list[str]:
    told: dict[str, Any] = msgspec.to_builtins(view)
    file = told["media"] or {}
    return [_cell(told[name]) for name in _COLUMNS] + [_cell(file.get(name)) for name in _OF_FILE]


def _cell(value: Any) -> str:
    """With an apostrophe in front of what could be a formula; a number is none."""
    if value is None:
        return ""
    if isinstance(value, dict | list | bool):
        return msgspec.json.encode(value).decode()
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
