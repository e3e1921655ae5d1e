"""Messages whose outcome is hidden: their workers are asked again, for as long as they may come back."""

from collections import defaultdict
from collections.abc import Sequence

import structlog

from control_plane.db.engine import SystemSite
from control_plane.fleet.worker_client import Address
from control_plane.messages.models import Message
from control_plane.messages.queue.repository import OutboundQueue
from control_plane.messages.queue.sender import Sender
from control_plane.messages.queue.verdicts import Verdicts
from shared.contracts.commands import AttemptSeen, AttemptState

log = structlog.get_logger(__name__)

_AT_ONCE = 200


class LateResults:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def run(self) -> int:
        """How many are known now."""
        async with self._sender.database.system(SystemSite.SENDING) as db:
            queue = OutboundQueue(db)
            unasked = await queue.unasked(_AT_ONCE)
            by_worker: defaultdict[Address, list[Message]] = defaultdict(list)
            for message in unasked:
                owner = await queue.owner_of(message.session_id, message.epoch or 0)
                if owner is not None:
                    by_worker[Address.of(owner)].append(message)
        known = 0
        for worker, messages in by_worker.items():
            known += await self._resolve(messages, await self._sender.journals.ask(worker, messages))
        return known

    async def _resolve(self, messages: Sequence[Message], seen: dict[str, AttemptSeen]) -> int:
        known = 0
        for message in messages:
            attempt = seen.get(str(message.id))
            if attempt is not None and attempt.state is not AttemptState.RUNNING:
                known += await self._settle(message, attempt)
        return known

    async def _settle(self, message: Message, seen: AttemptSeen) -> int:
        """What nobody had begun goes out late and out of its order, which is better than never."""
        async with self._sender.database.system(SystemSite.SENDING) as db:
            session = await OutboundQueue(db).session_of(message.session_id)
            if session is None:
                return 0
            verdicts = Verdicts(self._sender, db, session, None)
            await verdicts.settle(message.id, message.attempts, seen)
        async with self._sender.database.system(SystemSite.SENDING) as db:
            await OutboundQueue(db).wake(message.session_id)
        self._sender.hint()
        log.info("late_result", message_id=str(message.id), state=seen.state)
        return 1
