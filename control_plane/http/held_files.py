"""A file under way through this process: in memory while it is small, else on the disk, gone once closed."""

import hashlib
from tempfile import SpooledTemporaryFile
from typing import IO, Self

import structlog

from control_plane.errors import AppError, Code
from shared.files.errors import too_large
from shared.files.threads import in_thread

log = structlog.get_logger(__name__)

_IN_MEMORY = 1024**2
# Small pieces are gathered before they are written: each write is a trip to a thread.
_GATHERED = 256 * 1024


class HeldFile:
    """`async with` it, `add` its pieces, then `ready` it for reading."""

    def __init__(self, limit: int, pointer: str) -> None:
        self.size = 0
        self.file_name = ""
        self.content_type = ""
        self._limit = limit
        self._pointer = pointer
        self._hash = hashlib.sha256()
        self._gathered = bytearray()
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (closed by whoever holds it)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await in_thread(self._file.close)

    @property
    def sha256(self) -> bytes:
        return self._hash.digest()

    async def add(self, piece: bytes | bytearray) -> None:
        """Refuses what goes over the limit before it is written."""
        self.size += len(piece)
        self.check(self._limit)
        self._gathered += piece
        if len(self._gathered) >= _GATHERED:
            await self._flush()

    async def ready(self) -> IO[bytes]:
        """At its beginning."""
        await self._flush()
        self._file.seek(0)
        return self._file

    def check(self, limit: int) -> None:
        if self.size > limit:
            words = too_large("The file", limit).words
            errors = [{"pointer": self._pointer, "detail": f"is larger than {limit} bytes"}]
            raise AppError(Code.FILE_TOO_LARGE, words, errors=errors)

    async def _flush(self) -> None:
        gathered, self._gathered = self._gathered, bytearray()
        if not gathered:
            return
        try:
            await in_thread(self._write, gathered)
        except OSError as error:
            log.error("file_not_held", error=type(error).__name__, errno=error.errno)
            words = "There is no room for the file at this moment. Try again later, or send a smaller one."
            raise AppError(Code.STORAGE_UNAVAILABLE, words) from None

    def _write(self, data: bytearray) -> None:
        self._hash.update(data)
        self._file.write(data)
