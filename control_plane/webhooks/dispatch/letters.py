"""Reads again what was read a while ago: all that is asked for at the same moment in one query."""

import asyncio
import uuid

from control_plane.db.engine import Database, SystemSite
from control_plane.webhooks.dispatch.parcels import Letter
from control_plane.webhooks.dispatch.repository import DispatchReads

_AT_ONCE = 200
_KEPT = 1000


class Letters:
    """An event goes to several endpoints: for a moment it is remembered for all of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: dict[uuid.UUID, asyncio.Future[Letter | None]] = {}
        self._kept: dict[uuid.UUID, Letter] = {}
        self._reading: asyncio.Task[None] | None = None

    async def letter(self, event_id: uuid.UUID) -> Letter | None:
        kept = self._kept.get(event_id)
        if kept is not None and kept.is_fresh:
            return kept
        asked = self._asked.get(event_id)
        if asked is None:
            asked = self._asked[event_id] = asyncio.get_running_loop().create_future()
            # Whose asking was cancelled is nobody's any more.
            asked.add_done_callback(lambda future: future.cancelled() or future.exception())
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="webhook-letters")
        return await asyncio.shield(asked)

    async def _read(self) -> None:
        while self._asked:
            some = list(self._asked)[:_AT_ONCE]
            asked = {event_id: self._asked.pop(event_id) for event_id in some}
            try:
                async with self._database.system(SystemSite.WEBHOOKS) as db:
                    found = await DispatchReads(db).letters_of(some)
            except BaseException as error:
                for future in asked.values():
                    future.set_exception(ConnectionError(f"letters were not read: {type(error).__name__}"))
                if not isinstance(error, Exception):
                    raise
                continue
            if len(self._kept) > _KEPT:
                self._kept.clear()
            self._kept.update(found)
            for event_id, future in asked.items():
                future.set_result(found.get(event_id))
