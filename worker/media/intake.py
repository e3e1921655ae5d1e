"""A file of unknown size and origin into a tray, never more of it than the limit."""

import asyncio
import contextlib
import errno
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from shared.files.errors import MediaCode, MediaError, too_large
from shared.files.threads import in_thread
from worker.media.shelf import Tray

# Small pieces are gathered before they are written: each write is a trip to a thread.
_GATHERED = 256 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Taken:
    path: Path
    size: int
    sha256: bytes


async def take_in(
    tray: Tray,
    source: bytes | AsyncIterable[bytes],
    limit: int,
    *,
    announced: int | None = None,
    within: float = 300.0,
) -> Taken:
    """`announced` is the size that its sender told; what a failing source raises goes on to the caller."""
    if announced is not None and announced > limit:
        raise too_large("The file", limit)
    path = tray.place()
    writing = _Writing(tray.create(path), limit)
    try:
        await _pour(source, writing, within)
    except OSError as error:
        await _drop(path, writing)
        if error.errno in _FULL:
            words = "The disk of the worker is full. Try again later."
            raise MediaError(MediaCode.STORAGE_UNAVAILABLE, words) from None
        raise
    except BaseException:
        await _drop(path, writing)
        raise
    await in_thread(writing.file.close)
    return Taken(path, writing.size, writing.hash.digest())


class _Writing:
    """Refuses what goes over the limit before it is written."""

    def __init__(self, file: FileIO, limit: int) -> None:
        self.file = file
        self.size = 0
        self.hash = hashlib.sha256()
        self._limit = limit
        self._gathered = bytearray()

    async def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self._limit:
            raise too_large("The file", self._limit)
        self._gathered += piece
        if len(self._gathered) >= _GATHERED:
            await self.flush()

    async def flush(self) -> None:
        gathered, self._gathered = self._gathered, bytearray()
        await in_thread(self._write, gathered)

    def _write(self, data: bytearray) -> None:
        self.hash.update(data)
        rest = memoryview(data)
        while rest:
            rest = rest[self.file.write(rest) :]


async def _pour(source: bytes | AsyncIterable[bytes], writing: _Writing, within: float) -> None:
    timer = asyncio.timeout(within)
    try:
        async with timer:
            async with contextlib.aclosing(_pieces(source)) as pieces:
                async for piece in pieces:
                    await writing.add(piece)
            await writing.flush()
    except TimeoutError:
        if not timer.expired():
            raise
        words = f"The file did not arrive within {within:.0f} seconds. Send it again, or a smaller one."
        raise MediaError(MediaCode.FILE_INCOMPLETE, words) from None
    if not writing.size:
        raise MediaError(MediaCode.FILE_EMPTY, "The file is empty. Send one that has content.")


async def _pieces(source: bytes | AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    if isinstance(source, bytes):
        yield source
        return
    async for piece in source:
        yield piece


async def _drop(path: Path, writing: _Writing) -> None:
    await in_thread(path.unlink, missing_ok=True)
    await in_thread(writing.file.close)
