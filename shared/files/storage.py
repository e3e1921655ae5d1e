"""Files kept for as long as messages are: in a folder, or in a bucket of an object store."""

import contextlib
import hashlib
import mimetypes
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self
from uuid import UUID

from shared.files import keys
from shared.files.errors import MediaCode, MediaError
from shared.files.storage_faults import in_our_words
from shared.files.storage_url import Patience, Place, open_place
from shared.files.threads import in_thread

_PART = 5 * 1024**2
_PARTS_AT_ONCE = 2
_PIECE = 256 * 1024
_UNKNOWN = "application/octet-stream"
# What a browser may show in place; all else it saves, so that no stranger's page runs under our address.
_SHOWN = ("image/jpeg", "image/png", "image/webp", "image/gif", "audio/", "video/")


def disposition(content_type: str) -> str:
    return "inline" if content_type.startswith(_SHOWN) else "attachment"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """`sha256` is empty where the storage was only asked and does not know it."""

    key: str
    size: int
    sha256: bytes
    content_type: str


class ObjectStorage:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._store: Any = place.store

    @classmethod
    def from_url(cls, url: str, *, patience: Patience | None = None) -> Self:
        """Credentials come with the address or from the environment, and are shown nowhere."""
        return cls(open_place(url, patience or Patience()))

    def __repr__(self) -> str:
        return f"<storage in {self._place.words}>"

    async def put(
        self, key: str, path: Path, *, content_type: str = _UNKNOWN, sha256: bytes | None = None
    ) -> StoredObject:
        """In parts and never whole in memory; what is there already is not written again."""
        keys.checked(key)
        size, found = await in_thread(_measured, path)
        if sha256 is not None and found != sha256:
            raise MediaError(MediaCode.FILE_ALTERED, "The file is not what its message promised.")
        stored = StoredObject(key=key, size=size, sha256=found, content_type=content_type)
        if await self.find(key, size, found) is None:
            await self._write(stored, path)
        return stored

    async def put_open(self, file: IO[bytes], stored: StoredObject) -> None:
        """From where the file stands to its end, under a new key; who wrote the file knows the rest."""
        keys.checked(stored.key)
        await self._write(stored, file)

    async def copy(self, key: str, to: str) -> None:
        """Deleting one of them leaves the other."""
        keys.checked(key)
        keys.checked(to)
        async with in_our_words(self._place.words):
            await self._store.copy_async(key, to)

    async def find(self, key: str, size: int, sha256: bytes) -> StoredObject | None:
        """What is kept there, if it is this content."""
        try:
            held = await self.head(key)
        except MediaError as error:
            if error.code is MediaCode.FILE_GONE:
                return None
            raise
        if held.size != size:
            return None
        if self._place.folder is not None:
            _, found = await in_thread(_measured, self._place.folder / key)
            held = StoredObject(key=key, size=size, sha256=found, content_type=held.content_type)
        return held if held.sha256 == sha256 else None

    async def head(self, key: str) -> StoredObject:
        keys.checked(key)
        async with in_our_words(self._place.words):
            answer = await self._store.get_async(key, options={"head": True})
        attributes = answer.attributes
        guessed = mimetypes.guess_type(key)[0] or _UNKNOWN
        return StoredObject(
            key=key,
            size=int(answer.meta["size"]),
            sha256=_hash(attributes.get("sha256", "")),
            content_type=str(attributes.get("Content-Type") or guessed),
        )

    async def exists(self, key: str) -> bool:
        try:
            await self.head(key)
        except MediaError as error:
            if error.code is MediaCode.FILE_GONE:
                return False
            raise
        return True

    async def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """From `start` up to, and without, `end`."""
        keys.checked(key)
        if start < 0 or (end is not None and end <= start):
            raise ValueError("a range begins at 0 or later and ends behind its beginning")
        wanted = {"offset": start} if end is None else (start, end)
        async with in_our_words(self._place.words):
            answer = await self._store.get_async(key, options={"range": wanted} if start or end else None)
            async for piece in answer.stream(min_chunk_size=_PIECE):
                yield bytes(piece)

    async def delete(self, key: str) -> None:
        """Also when it is gone already."""
        keys.checked(key)
        try:
            async with in_our_words(self._place.words):
                await self._store.delete_async(key)
        except MediaError as error:
            if error.code is not MediaCode.FILE_GONE:
                raise

    async def delete_session(self, session_id: UUID | str) -> int:
        """All files of a session; how many there were."""
        count = 0
        async with in_our_words(self._place.words):
            async for batch in self._store.list(keys.session_folder(session_id), chunk_size=500):
                await self._store.delete_async([held["path"] for held in batch])
                count += len(batch)
        return count

    async def check(self) -> None:
        """Writes, reads and deletes a small file, or tells why that is not possible."""
        key, content = f"checks/{secrets.token_hex(16)}", secrets.token_bytes(32)
        async with in_our_words(self._place.words):
            await self._store.put_async(key, content)
            read = bytes(await (await self._store.get_async(key)).bytes_async())
            await self._store.delete_async(key)
        if read != content:
            words = f"The storage for files ({self._place.words}) gives back something else than was written."
            raise MediaError(MediaCode.STORAGE_UNAVAILABLE, words)

    async def _write(self, stored: StoredObject, source: Path | IO[bytes]) -> None:
        async with in_our_words(self._place.words):
            await self._store.put_async(
                stored.key,
                source,
                attributes=self._attributes(stored),
                chunk_size=_PART,
                max_concurrency=_PARTS_AT_ONCE,
            )
        await in_thread(self._close_to_others, stored.key)

    def _attributes(self, stored: StoredObject) -> dict[str, str] | None:
        if self._place.folder is not None:
            # Folders keep none.
            return None
        return {
            "Content-Type": stored.content_type,
            "Content-Disposition": disposition(stored.content_type),
            "sha256": stored.sha256.hex(),
        }

    def _close_to_others(self, key: str) -> None:
        if self._place.folder is not None:
            group = self._place.folder.stat().st_mode & 0o040
            with contextlib.suppress(FileNotFoundError):
                (self._place.folder / key).chmod(0o600 | group)


def _measured(path: Path) -> tuple[int, bytes]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        return file.tell(), digest


def _hash(text: Any) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        return b""
