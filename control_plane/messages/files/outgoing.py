"""Files on their way out: into the storage before their message is stored, and away again without one.

A removal of each file is noted before it is put down. The message that takes the file strikes the note off
as it is stored (a trigger), so that a crash at any moment leaves no file that belongs to nothing.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog
from litestar import Request
from sqlalchemy import delete, func, insert, select

from control_plane.db.engine import Database, SystemSite
from control_plane.db.tenancy import SystemRepository
from control_plane.egress.gate import Egress
from control_plane.errors import AppError, Code
from control_plane.http.held_files import HeldFile
from control_plane.http.principal import Access, Principal
from control_plane.http.request_bodies import file_of
from control_plane.keyring import Keyring
from control_plane.messages.bodies import AnyMessage
from control_plane.messages.chat_ids import parse_chat_id
from control_plane.messages.details import visible_message
from control_plane.messages.files.bodies import WithFile
from control_plane.messages.files.forwarded import copy_of
from control_plane.messages.files.removals import FileRemoval
from control_plane.messages.files.sources import FileSources
from control_plane.messages.files.stored import UNKNOWN, stored_file
from control_plane.messages.senders import sender_of
from control_plane.sessions.service import Sessions
from shared.contracts.messages import StoredFile
from shared.files.errors import MediaCode, MediaError
from shared.files.keys import outgoing_key
from shared.files.storage import ObjectStorage, StoredObject
from shared.ids import UserId, new_uuid

UserRequest = Request[Principal, Access, Any]
log = structlog.get_logger(__name__)

# Longer than any request takes to store its message.
_GRACE = timedelta(hours=1)


class UntakenFiles(SystemRepository):
    """Removals of files that no message has taken yet; each has the id that its key ends with."""

    async def note(self, user_id: uuid.UUID, file_id: uuid.UUID, key: str) -> None:
        due = func.clock_timestamp() + _GRACE
        values = {"id": file_id, "user_id": user_id, "key": key, "due_at": due}
        await self.session.execute(insert(FileRemoval).values(values))

    async def holds(self, file_id: uuid.UUID) -> bool:
        query = select(FileRemoval.id).where(FileRemoval.id == file_id)
        return await self.session.scalar(query) is not None

    async def strike(self, file_id: uuid.UUID) -> None:
        await self.session.execute(delete(FileRemoval).where(FileRemoval.id == file_id))


class OutgoingFiles:
    def __init__(self, database: Database, keyring: Keyring, storage: ObjectStorage, egress: Egress) -> None:
        self._database = database
        self._keyring = keyring
        self._storage = storage
        self._sources = FileSources(egress)

    @asynccontextmanager
    async def accepted(
        self, request: UserRequest, reference: str | None, body: AnyMessage
    ) -> AsyncIterator[tuple[str | None, StoredFile | None]]:
        """Through which session, and the file if its kind has one; its message is to be stored inside."""
        principal, form = request.user, file_of(request.scope)
        if not isinstance(body, WithFile):
            if form is not None:
                words = "Only an image, a video, an audio, a voice note, a document or a sticker has a file."
                errors = [{"pointer": "/file", "detail": "belongs to no message of this type"}]
                raise AppError(Code.VALIDATION_FAILED, words, errors=errors)
            yield reference, None
            return
        parse_chat_id(body.to)
        async with self._database.tenant(principal.user_id) as db:
            session = await sender_of(Sessions(db, self._keyring), principal, reference)
        file_id = new_uuid()
        async with self._sources.held(body, form) as file:
            stored = stored_file(body, file, outgoing_key(session.id, file_id))
            async with self._noted(principal.user_id, file_id, stored.key):
                await self._put(file, stored)
                yield f"ses-{session.id}", stored

    @asynccontextmanager
    async def copied(self, principal: Principal, message_id: str) -> AsyncIterator[StoredFile | None]:
        """The file of a message that is forwarded, as one of its own; None where it has none to give."""
        async with self._database.tenant(principal.user_id) as db:
            sessions = Sessions(db, self._keyring)
            message = await visible_message(db, sessions, principal, message_id)
        file_id = new_uuid()
        copy = copy_of(message, outgoing_key(message.session_id, file_id))
        if copy is None:
            yield None
            return
        async with self._noted(principal.user_id, file_id, copy.key):
            try:
                await self._storage.copy(str((message.media or {})["key"]), copy.key)
            except MediaError as error:
                raise _unavailable(error) from None
            yield copy

    async def _put(self, file: HeldFile, stored: StoredFile) -> None:
        kept = StoredObject(
            key=stored.key,
            size=stored.size,
            sha256=stored.sha256,
            content_type=stored.mimetype or UNKNOWN,
        )
        try:
            await self._storage.put_open(await file.ready(), kept)
        except MediaError as error:
            raise _unavailable(error) from None
        await file.close()

    @asynccontextmanager
    async def _noted(self, user_id: UserId, file_id: uuid.UUID, key: str) -> AsyncIterator[None]:
        async with self._database.system(SystemSite.SENDING) as db:
            await UntakenFiles(db).note(user_id, file_id, key)
        try:
            yield
        except BaseException:
            await self._put_away(file_id, key)
            raise

    async def _put_away(self, file_id: uuid.UUID, key: str) -> None:
        """At once, unless a message has taken it: one that failed keeps its file, to be sent again."""
        try:
            async with self._database.system(SystemSite.SENDING) as db:
                if not await UntakenFiles(db).holds(file_id):
                    return
            await self._storage.delete(key)
            async with self._database.system(SystemSite.SENDING) as db:
                await UntakenFiles(db).strike(file_id)
        except Exception as error:
            # Its removal is noted, and will be tried again.
            log.warning("file_not_put_away", file=str(file_id), error=type(error).__name__)


def _unavailable(error: MediaError) -> AppError:
    if error.code is MediaCode.FILE_GONE:
        return AppError(Code.MESSAGE_NOT_CHANGEABLE, "The file of this message is not kept any more.")
    log.warning("file_not_stored", error=error.words)
    return AppError(Code.STORAGE_UNAVAILABLE, "The storage of files does not answer. Try again in a moment.")
