"""A form with a file, taken apart while it comes in: a part `message` of JSON and a part `file`."""

import hashlib
from collections.abc import AsyncIterator

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from control_plane.errors import AppError, Code
from control_plane.http.held_files import HeldFile

FORM = "multipart/form-data"
MESSAGE_PART, FILE_PART = "message", "file"
_MOST_PARTS = 8
_LONGEST_SHOWN = 50
_WHAT_IT_HOLDS = (
    f"A form has one part `{MESSAGE_PART}`, the JSON of the message, one part `{FILE_PART}`, no more."
)


class Form:
    """`message` is the JSON as it came."""

    def __init__(self, file: HeldFile, longest_message: int) -> None:
        self.file = file
        self.message = bytearray()
        self._longest_message = longest_message
        self._seen: list[str] = []

    async def take(self, pieces: AsyncIterator[bytes], content_type: str) -> None:
        boundary = parse_options_header(content_type)[1].get("boundary")
        if not boundary:
            words = f"{FORM} needs a boundary. HTTP clients make one: leave the Content-Type to yours."
            raise AppError(Code.MALFORMED_REQUEST, words)
        try:
            with PushMultipartParser(boundary, max_segment_count=_MOST_PARTS) as parser:
                async for piece in pieces:
                    # What comes behind the last boundary is nothing.
                    if piece and not parser.closed:
                        await self._parse(parser, piece)
        except MultipartError:
            words = "The form cannot be read: was it cut off, or is its boundary another one?"
            raise AppError(Code.MALFORMED_REQUEST, words) from None
        for name in (MESSAGE_PART, FILE_PART):
            if name not in self._seen:
                raise _wrong(name, "is missing")
        await self.file.ready()

    def fingerprint(self) -> bytes:
        """The same for the same parts: a client makes a new boundary each time that it sends them."""
        told = f"{self.file.file_name}\0{self.file.content_type}\0".encode(errors="surrogatepass")
        return hashlib.sha256(told + self.file.sha256 + self.message).digest()

    async def _parse(self, parser: PushMultipartParser, piece: bytes) -> None:
        for event in parser.parse(piece):
            if isinstance(event, MultipartSegment):
                self._begin(event)
            elif event:
                await self._add(event)

    def _begin(self, part: MultipartSegment) -> None:
        name = str(part.name or "")
        if name not in {MESSAGE_PART, FILE_PART}:
            raise _wrong(name[:_LONGEST_SHOWN], "is no part of it")
        if name in self._seen:
            raise _wrong(name, "is given twice")
        self._seen.append(name)
        if name == FILE_PART:
            self.file.file_name = part.filename or ""
            self.file.content_type = part.content_type or ""

    async def _add(self, data: bytes) -> None:
        if self._seen[-1] == FILE_PART:
            await self.file.add(data)
            return
        self.message += data
        if len(self.message) > self._longest_message:
            words = f"The part `{MESSAGE_PART}` may hold {self._longest_message} bytes at most."
            raise AppError(Code.BODY_TOO_LARGE, words)


def _wrong(name: str, short: str) -> AppError:
    errors = [{"pointer": f"/{name}", "detail": short}]
    return AppError(Code.VALIDATION_FAILED, _WHAT_IT_HOLDS, errors=errors)
