"""Pages by signed keyset cursors: nothing is skipped or shown twice while rows come and go."""

import base64
import binascii
import hmac
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from control_plane.errors import AppError, Code
from control_plane.keyring import Keyring

Row = TypeVar("Row")
View = TypeVar("View")
Position = tuple[datetime, uuid.UUID]

DEFAULT_LIMIT = 50
MAXIMUM_LIMIT = 200
_PURPOSE = "cursor"
_SIGNATURE_BYTES = 16

PageLimit = Annotated[
    int, QueryParameter(name="limit", ge=1, le=MAXIMUM_LIMIT, description="How many items at most")
]
PageCursor = Annotated[
    str, QueryParameter(name="cursor", max_length=500, description="The nextCursor of the page before")
]


class Page(msgspec.Struct, Generic[View], rename="camel", frozen=True):
    items: list[View]
    next_cursor: str | None = None


class Cursors:
    """A cursor is good for the one list that it was made for: list and owner are part of the signature."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def page(
        self,
        listing: str,
        rows: Sequence[Row],
        limit: int,
        view: Callable[[Row], View],
        position: Callable[[Row], Position],
    ) -> Page[View]:
        """`rows` holds one more than `limit` when there is a next page."""
        shown = rows[:limit]
        more = len(rows) > limit
        return Page([view(row) for row in shown], self.encode(listing, position(shown[-1])) if more else None)

    def encode(self, listing: str, position: Position) -> str:
        body = msgspec.json.encode(position)
        return base64.urlsafe_b64encode(self._signature(listing, body) + body).decode().rstrip("=")

    def decode(self, listing: str, cursor: str) -> Position | None:
        if not cursor:
            return None
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
            if not hmac.compare_digest(signature, self._signature(listing, body)):
                raise ValueError
            position: Position = msgspec.json.decode(body, type=Position)
        except (ValueError, binascii.Error, msgspec.MsgspecError):
            raise AppError(
                Code.INVALID_CURSOR, "The cursor is not one of this list. Start again without a cursor."
            ) from None
        return position

    def _signature(self, listing: str, body: bytes) -> bytes:
        return self._keyring.digest(_PURPOSE, listing.encode() + b"\0" + body)[:_SIGNATURE_BYTES]
