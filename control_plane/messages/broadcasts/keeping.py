"""Broadcasts that are over grow old like the messages that they were, and are erased with their session's.

What one person was told goes when their message does: a trigger sees to that.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select

from control_plane.db.tenancy import SystemRepository
from control_plane.messages.broadcasts.models import OVER, Broadcast, BroadcastRecipient
from control_plane.messages.files.removals import FileRemovals

_OVER = Broadcast.status.in_(sorted(OVER))


class KeptBroadcasts(SystemRepository):
    async def purge(self, user_id: uuid.UUID, before: datetime, limit: int) -> int:
        """Of an account, what was over by then; so many recipients at once. How many of them are gone."""
        ended = func.coalesce(Broadcast.finished_at, Broadcast.created_at)
        return await self._remove(user_id, [Broadcast.user_id == user_id, _OVER, ended < before], limit)

    async def erase(self, user_id: uuid.UUID, session_id: uuid.UUID, before: datetime, limit: int) -> int:
        """Of a session, what was over when its owner asked for it."""
        of_session = [Broadcast.session_id == session_id, Broadcast.user_id == user_id]
        return await self._remove(user_id, [*of_session, _OVER, Broadcast.created_at <= before], limit)

    async def _remove(self, user_id: uuid.UUID, which: Sequence[ColumnElement[bool]], limit: int) -> int:
        """With their files, which lie once for all of a broadcast's messages."""
        unsynchronized = {"synchronize_session": False}
        recipient, broadcasts = BroadcastRecipient, select(Broadcast.id).where(*which)
        some = select(recipient.id).where(recipient.broadcast_id.in_(broadcasts)).limit(limit)
        gone: Any = await self.session.execute(
            delete(recipient).where(recipient.id.in_(some)), execution_options=unsynchronized
        )
        if gone.rowcount >= limit:
            return int(gone.rowcount)
        media: Any = await self.session.execute(
            delete(Broadcast).where(*which).returning(Broadcast.media), execution_options=unsynchronized
        )
        keys = [str(file["key"]) for (file,) in media.all() if file and "key" in file]
        await FileRemovals(self.session).note(user_id, keys)
        return int(gone.rowcount)
