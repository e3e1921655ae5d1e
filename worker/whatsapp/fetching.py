"""A received file into a new file of this machine, checked against what its message promised."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from shared.contracts.messages import FileKind, FileTicket
from worker.whatsapp import library
from worker.whatsapp.library_errors import ALTERED
from worker.whatsapp.port import Fetched, Refused

# The library hands a file over whole, in an envelope that may not be larger than two GiB.
LARGEST_FILE = 2 * 1024**3 - 1024
_HASH = 32
_LONGEST_PATH = 4096
MEDIA_TYPES: Mapping[FileKind, library.MediaType] = {
    FileKind.IMAGE: library.MediaType.MediaImage,
    FileKind.STICKER: library.MediaType.MediaImage,
    FileKind.VIDEO: library.MediaType.MediaVideo,
    FileKind.AUDIO: library.MediaType.MediaAudio,
    FileKind.VOICE: library.MediaType.MediaAudio,
    FileKind.DOCUMENT: library.MediaType.MediaDocument,
}
Download = Callable[[FileTicket], Awaitable[bytes]]


async def fetch(ticket: FileTicket, path: str, download: Download) -> Fetched:
    check(ticket)
    target = Path(path)
    if not target.is_absolute():
        raise ValueError("the path of the new file must be absolute")
    # Before the download: whoever may not write there shall not wait for it.
    descriptor = await asyncio.to_thread(_create, target)
    try:
        data = await download(ticket)
        if (ticket.size and len(data) != ticket.size) or hashlib.sha256(data).digest() != ticket.sha256:
            raise Refused(ALTERED)
        await asyncio.to_thread(_write, descriptor, data)
    except BaseException:
        await asyncio.to_thread(target.unlink, missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return Fetched(size=len(data), sha256=ticket.sha256)


def check(ticket: FileTicket) -> None:
    """Tickets were written by strangers."""
    if ticket.size > LARGEST_FILE:
        raise Refused("the file is larger than 2 GiB")
    if any(len(part) != _HASH for part in (ticket.media_key, ticket.sha256, ticket.sealed_sha256)):
        raise Refused("the message does not tell how to open and check its file")
    path = ticket.direct_path
    if not path.startswith("/") or len(path) > _LONGEST_PATH or not path.isascii() or not path.isprintable():
        raise Refused("the message does not tell where its file is")


def _create(target: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(target, flags, 0o600)
    except FileExistsError:
        raise ValueError("there is a file at this path already") from None
    except FileNotFoundError:
        raise ValueError("the folder for the new file does not exist") from None


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
