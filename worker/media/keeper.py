"""Received files: fetched from the network while it has them, and kept for as long as the message is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar
from uuid import UUID

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from shared.contracts.messages import FileFacts, FileTicket
from shared.files import keys
from shared.files.errors import MediaCode, MediaError, too_large
from shared.files.storage import ObjectStorage, StoredObject
from shared.files.threads import in_thread
from worker.media import detection, names
from worker.media.limits import Limits
from worker.media.shelf import Shelf

log = logging.getLogger(__name__)

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Fetched(Protocol):
    """What the fetcher says of the file that it has written."""

    @property
    def size(self) -> int: ...

    @property
    def sha256(self) -> bytes: ...


Fetch = Callable[[Path], Awaitable[Fetched]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperPace:
    at_once: int = 4
    attempts: int = 6
    # In seconds; pauses grow up to the longest.
    first_pause: float = 0.5
    longest_pause: float = 20.0


class Keeper:
    """`gone` are the faults by which a fetcher says that the network no longer has the file."""

    def __init__(
        self,
        shelf: Shelf,
        storage: ObjectStorage,
        *,
        limits: Limits | None = None,
        pace: KeeperPace | None = None,
        gone: tuple[type[Exception], ...] = (),
    ) -> None:
        self._shelf = shelf
        self._storage = storage
        self._limit = (limits or Limits()).received
        self._pace = pace or KeeperPace()
        self._gone = gone
        self._turns = asyncio.Semaphore(self._pace.at_once)

    async def keep(
        self, session_id: UUID | str, whatsapp_id: str, fetch: Fetch, facts: FileFacts, ticket: FileTicket
    ) -> StoredObject:
        """Once for each message and content: what was kept already is not fetched again."""
        if ticket.size > self._limit:
            raise too_large("The received file", self._limit)
        async with self._turns:
            try:
                kept = await self._kept(session_id, whatsapp_id, ticket, facts.mimetype)
                if kept is None:
                    kept = await self._keep(session_id, whatsapp_id, fetch, facts, ticket)
            except MediaError as error:
                fields = {"session": str(session_id), "reason": error.code.value, "size": ticket.size}
                log.warning("file_not_kept: %s", error.words, extra={"fields": fields})
                raise
        fields = {"session": str(session_id), "size": kept.size, "type": kept.content_type}
        log.info("file_kept", extra={"fields": fields})
        return kept

    async def _kept(
        self, session_id: UUID | str, whatsapp_id: str, ticket: FileTicket, told: str
    ) -> StoredObject | None:
        """Where it stands if its sender named its type rightly, as almost all do."""
        key = keys.media_key(session_id, whatsapp_id, ticket.sha256, names.extension_of(told))
        return await self._patiently(self._storage.find, key, ticket.size, ticket.sha256)

    async def _keep(
        self, session_id: UUID | str, whatsapp_id: str, fetch: Fetch, facts: FileFacts, ticket: FileTicket
    ) -> StoredObject:
        async with self._shelf.tray() as tray:
            path = tray.place()
            await self._fetched(fetch, path, ticket)
            detected = await detection.detect(path)
            content_type = detection.agreed(detected.mimetype, facts.mimetype)
            extension = names.extension_of(content_type)
            key = keys.media_key(session_id, whatsapp_id, ticket.sha256, extension)
            return await self._patiently(
                self._storage.put, key, path, content_type=content_type, sha256=ticket.sha256
            )

    async def _fetched(self, fetch: Fetch, path: Path, ticket: FileTicket) -> None:
        try:
            fetched = await fetch(path)
        except self._gone:
            words = "The network no longer has the file. Ask its sender to send it again."
            raise MediaError(MediaCode.FILE_GONE, words) from None
        size = (await in_thread(path.stat)).st_size
        if size > self._limit:
            # Its message may have told no size, or a wrong one.
            raise too_large("The received file", self._limit)
        if fetched.sha256 != ticket.sha256 or fetched.size != size or ticket.size not in {0, size}:
            raise MediaError(MediaCode.FILE_ALTERED, "The file is not what its message promised.")

    async def _patiently(
        self, work: Callable[Given, Awaitable[Result]], *arguments: Given.args, **named: Given.kwargs
    ) -> Result:
        """Again and again while the storage is away, for a while."""
        pace = self._pace
        attempts = AsyncRetrying(
            stop=stop_after_attempt(pace.attempts),
            wait=wait_random_exponential(multiplier=pace.first_pause, max=pace.longest_pause),
            retry=retry_if_exception(_storage_is_away),
            reraise=True,
        )
        return await attempts(work, *arguments, **named)


def _storage_is_away(error: BaseException) -> bool:
    return isinstance(error, MediaError) and error.code is MediaCode.STORAGE_UNAVAILABLE
