"""Asking the worker that made an attempt how it ended, when its answer was lost."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.worker_client import Address, WorkerClient, WorkerTrouble
from control_plane.messages.models import Message
from control_plane.messages.queue.repository import OutboundQueue
from shared.contracts.commands import Attempt, Attempts, AttemptSeen, AttemptState

_WITHIN = 3.0


class Journals:
    """`patience`: for how long a worker that is away holds up what is behind its message."""

    def __init__(self, database: Database, client: WorkerClient, patience: float) -> None:
        self._database = database
        self._client = client
        self._patience = timedelta(seconds=patience)

    def is_patient(self, message: Message) -> bool:
        began = message.attempted_at or message.created_at
        return datetime.now(UTC) - began < self._patience

    async def look_up(self, message: Message) -> AttemptSeen | None:
        """None: its worker does not answer at this moment."""
        async with self._database.system(SystemSite.SENDING) as db:
            owner = await OutboundQueue(db).owner_of(message.session_id, message.epoch or 0)
            address = Address.of(owner) if owner is not None else None
        if address is None:
            return _unknown(message)
        return (await self.ask(address, [message])).get(str(message.id))

    async def ask(self, worker: Address, messages: Sequence[Message]) -> dict[str, AttemptSeen]:
        """By the message's id; empty when it does not answer."""
        asked = Attempts(asked=tuple(attempt_of(message) for message in messages))
        try:
            seen = await self._client.attempts(worker, asked, _WITHIN)
        except WorkerTrouble:
            return {}
        return {one.message_id: one for one in seen.seen}


def attempt_of(message: Message) -> Attempt:
    return Attempt(
        message_id=str(message.id),
        attempt=message.attempts,
        session_id=str(message.session_id),
        epoch=message.epoch or 0,
    )


def _unknown(message: Message) -> AttemptSeen:
    return AttemptSeen(message_id=str(message.id), attempt=message.attempts, state=AttemptState.UNKNOWN)
