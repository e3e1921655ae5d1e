"""What time does to the queue: what was planned becomes due, what waited too long is over."""

import asyncio
import uuid
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.messages.models import Message
from control_plane.messages.queue import settling
from control_plane.messages.queue.repository import OutboundQueue

log = structlog.get_logger(__name__)

_AT_ONCE = 500
_EVERY = 0.5


class Clockwork:
    """Any number may run: each row is moved by one of them."""

    name = "message-clock"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                moved = await self.due() + await self.over()
            except Exception:
                log.exception("message_clock_failed")
                moved = 0
            if moved < _AT_ONCE:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), _EVERY)

    async def due(self) -> int:
        """Planned ones take their place behind what was accepted before this moment."""
        async with self._database.system(SystemSite.SENDING) as db:
            queue = OutboundQueue(db)
            messages = await queue.scheduled(_AT_ONCE)
            by_session: defaultdict[tuple[uuid.UUID, uuid.UUID], list[Message]] = defaultdict(list)
            for message in messages:
                by_session[message.session_id, message.user_id].append(message)
            for (session_id, user_id), some in sorted(by_session.items()):
                place = await queue.reserve_places(session_id, user_id, len(some))
                for number, message in enumerate(some):
                    message.status, message.place = "queued", place + number
        return len(messages)

    async def over(self) -> int:
        async with self._database.system(SystemSite.SENDING) as db:
            ids = await OutboundQueue(db).expired(_AT_ONCE)
        for message_id in ids:
            await self._expire(message_id)
        return len(ids)

    async def _expire(self, message_id: uuid.UUID) -> None:
        async with self._database.system(SystemSite.SENDING) as db:
            queue = OutboundQueue(db)
            session = await queue.session_of_message(message_id)
            message = await queue.locked(message_id)
            if session is None or message is None or message.status not in settling.NOT_BEGUN:
                return
            if message.expires_at is not None and message.expires_at <= datetime.now(UTC):
                await settling.failed(db, session, message, settling.EXPIRED)
