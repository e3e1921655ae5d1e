"""Files that are to be deleted: noted with the change that makes them useless, deleted after its commit."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy import insert, select
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.db.base import Base
from control_plane.db.claim_loop import ClaimLoop, ClaimLostError
from control_plane.db.claims import Claim, Claims, HasClaim
from control_plane.db.engine import Database, SystemSite
from control_plane.db.tenancy import SystemRepository
from control_plane.messages.models import Message
from shared.files.keys import session_folder
from shared.files.storage import ObjectStorage
from shared.ids import new_uuid

log = structlog.get_logger(__name__)


class FileRemoval(HasClaim, Base):
    """`key` names a file, or the folder of a session that is gone; the row goes when they are."""

    __tablename__ = "file_removals"

    # Without a foreign key: files outlive the account until they are gone.
    user_id: Mapped[uuid.UUID]
    key: Mapped[str] = mapped_column(server_default="")


class FileRemovals(SystemRepository):
    async def note(self, user_id: uuid.UUID, keys: Sequence[str]) -> None:
        rows = [{"id": new_uuid(), "user_id": user_id, "key": key} for key in keys]
        if rows:
            await self.session.execute(insert(FileRemoval), rows)

    async def note_of(self, session_id: uuid.UUID, user_id: uuid.UUID, gone: Sequence[Message]) -> int:
        """Of messages whose rows are deleted already; a file that another message has as well stays.

        That of a broadcast is not its messages': it goes with the broadcast.
        """
        keys = {
            str(message.media["key"]): message.whatsapp_message_id
            for message in gone
            if message.media and "key" in message.media and message.broadcast_id is None
        }
        if not keys:
            return 0
        shared = select(Message.media["key"].astext).where(
            Message.session_id == session_id,
            Message.whatsapp_message_id.in_(set(keys.values())),
            Message.media["key"].astext.in_(keys),
        )
        only_theirs = sorted(keys.keys() - set(await self.session.scalars(shared)))
        await self.note(user_id, only_theirs)
        return len(only_theirs)


class RemovalLoop:
    """What the storage does not delete now, it is asked to delete again later."""

    def __init__(self, database: Database, storage: ObjectStorage, *, idle_seconds: float = 1.0) -> None:
        self._database = database
        self._storage = storage
        self._claims = Claims(FileRemoval, lease=timedelta(seconds=60))
        self.loop = ClaimLoop(
            "file-removals",
            self._claims,
            self._remove,
            database,
            SystemSite.FILE_REMOVALS,
            concurrency=4,
            idle_seconds=idle_seconds,
        )

    async def _remove(self, claim: Claim) -> None:
        key = str(claim.row["key"])
        try:
            session = session_of(key)
            if session is not None:
                await self._storage.delete_session(session)
            else:
                await self._storage.delete(key)
        except ValueError:
            log.error("file_removal_of_no_key", removal=str(claim.id))
        async with self._database.system(SystemSite.FILE_REMOVALS) as db:
            if not await self._claims.remove(db, claim):
                raise ClaimLostError


def is_of_session(key: str, session_id: uuid.UUID) -> bool:
    return key.startswith(session_folder(session_id) + "/")


def session_of(key: str) -> uuid.UUID | None:
    """Whose folder it is; None for a file."""
    try:
        session = uuid.UUID(key.removeprefix("sessions/"))
    except ValueError:
        return None
    return session if key == session_folder(session) else None
