"""Callers that wait for what becomes of a message, whichever process sends it."""

import asyncio
import uuid
from dataclasses import dataclass

import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.messages.models import Message
from control_plane.messages.queue.repository import OutboundQueue
from shared.contracts.commands import CommandAnswer

log = structlog.get_logger(__name__)

_LOOK_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Settled:
    """With the worker's answer, where this process has it."""

    message: Message
    answer: CommandAnswer | None = None


class Outcomes:
    """Whoever sends in this process tells at once; for the rest one question looks for all who wait."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[uuid.UUID, asyncio.Future[Settled]] = {}
        self._looking: asyncio.Task[None] | None = None

    def expect(self, message_id: uuid.UUID) -> None:
        """Before it can be settled, so that nothing is missed."""
        self._waiting[message_id] = asyncio.get_running_loop().create_future()

    def is_expected(self, message_id: uuid.UUID) -> bool:
        return message_id in self._waiting

    def tell(self, message: Message, answer: CommandAnswer | None = None) -> None:
        future = self._waiting.pop(message.id, None)
        if future is not None and not future.done():
            future.set_result(Settled(message, answer))

    async def wait(self, message_id: uuid.UUID, within: float) -> Settled | None:
        """None: it is still on its way."""
        future = self._waiting.get(message_id)
        if future is None:
            return None
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="outcomes")
        try:
            return await asyncio.wait_for(future, within)
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(message_id, None)

    async def _look(self) -> None:
        """Runs while somebody waits."""
        while self._waiting:
            await asyncio.sleep(_LOOK_EVERY)
            ids = list(self._waiting)
            if not ids:
                return
            try:
                async with self._database.system(SystemSite.SENDING) as db:
                    settled = await OutboundQueue(db).settled(ids)
            except Exception as error:
                log.warning("outcomes_not_looked_up", error=type(error).__name__)
                continue
            for message in settled:
                self.tell(message)
