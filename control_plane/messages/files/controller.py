"""The files of messages, for whoever holds a link."""

import re
from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter
from litestar.response import Stream

from control_plane.db.engine import Database
from control_plane.errors import AppError, Code, not_found
from control_plane.http.principal import public
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.models import Message
from control_plane.messages.repository import MessageRepository
from shared.files.errors import MediaCode, MediaError
from shared.files.storage import ObjectStorage, disposition

Range = Annotated[str, HeaderParameter(name="Range", max_length=100)]
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")


class MediaController(Controller):
    tags = ["Messages"]
    opt = public()

    @get("/v1/media/{token:str}", summary="The file of a message, by the link in its `media.url`")
    async def file(
        self,
        token: FromPath[str],
        links: NamedDependency[MediaLinks],
        database: NamedDependency[Database],
        storage: NamedDependency[ObjectStorage],
        wanted: Range = "",
    ) -> Stream:
        linked = links.linked(token)
        async with database.tenant(linked.user_id) as db:
            message = await MessageRepository(db).message(linked.message_id)
        if message is None or not message.media or "key" not in message.media:
            raise not_found("file")
        size = int(message.media["size"])
        start, end = _part(wanted, size)
        pieces = storage.get(message.media["key"], start, end if end < size else None)
        first = await _first(pieces)
        headers = _headers(message, end - start)
        whole = (start, end) == (0, size)
        if not whole:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        return Stream(
            _all(first, pieces),
            status_code=200 if whole else 206,
            media_type=str(message.media["contentType"]),
            headers=headers,
        )


def _part(wanted: str, size: int) -> tuple[int, int]:
    """From where to where, without the last; what is no range that we know asks for the whole."""
    asked = _RANGE.fullmatch(wanted.strip())
    if asked is None:
        return 0, size
    start, end = int(asked[1]), min(int(asked[2] or size - 1) + 1, size)
    if start >= size or end <= start:
        raise AppError(
            Code.RANGE_NOT_SATISFIABLE,
            f"The file has {size} bytes.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end


async def _first(pieces: AsyncIterator[bytes]) -> bytes:
    """Before the answer begins: afterwards nobody could be told that it is gone."""
    try:
        return await anext(pieces, b"")
    except MediaError as error:
        if error.code is MediaCode.FILE_GONE:
            raise not_found("file") from None
        raise AppError(Code.STORAGE_UNAVAILABLE, "The storage of files does not answer.") from None


async def _all(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


def _headers(message: Message, length: int) -> dict[str, str]:
    how = disposition(str((message.media or {})["contentType"]))
    name = quote(str(message.content.get("file_name") or message.whatsapp_message_id or "file")[:200])
    return {
        "Content-Length": str(length),
        "Content-Disposition": f"{how}; filename*=UTF-8''{name}",
        "Cache-Control": "private, max-age=3600",
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
