"""Messages whose outcome is hidden: their workers are asked again, for as long as they may come back."""

from collections import defaultdict
from collections.abc import Sequence

import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.fleet.worker_client import Address
from control_plane.messages.models import Message
from control_plane.messages.queue import settling
from control_plane.messages.queue.journals import Journals
from control_plane.messages.queue.repository import OutboundQueue
from shared.contracts.commands import AttemptSeen, AttemptState, Outcome

log = structlog.get_logger(__name__)

_AT_ONCE = 200


class LateResults:
    def __init__(self, database: Database, journals: Journals) -> None:
        self._database = database
        self._journals = journals

    async def run(self) -> int:
        """How many are known now."""
        async with self._database.system(SystemSite.SENDING) as db:
            queue = OutboundQueue(db)
            unasked = await queue.unasked(_AT_ONCE)
            by_worker: defaultdict[Address, list[Message]] = defaultdict(list)
            for message in unasked:
                owner = await queue.owner_of(message.session_id, message.epoch or 0)
                if owner is not None:
                    by_worker[Address.of(owner)].append(message)
        known = 0
        for worker, messages in by_worker.items():
            known += await self._resolve(messages, await self._journals.ask(worker, messages))
        return known

    async def _resolve(self, messages: Sequence[Message], seen: dict[str, AttemptSeen]) -> int:
        known = 0
        for message in messages:
            attempt = seen.get(str(message.id))
            if attempt is not None and attempt.state is not AttemptState.RUNNING:
                known += await self._settle(message, attempt)
        return known

    async def _settle(self, message: Message, seen: AttemptSeen) -> int:
        async with self._database.system(SystemSite.SENDING) as db:
            queue = OutboundQueue(db)
            session = await queue.session_of(message.session_id)
            row = await queue.locked(message.id)
            if session is None or row is None or not settling.is_of(row, message.attempts):
                return 0
            answer = seen.answer
            if seen.state is AttemptState.ENDED and answer is not None:
                if answer.outcome is Outcome.DONE:
                    await settling.sent(db, session, row, answer)
                elif answer.outcome is Outcome.REFUSED:
                    await settling.failed(db, session, row, answer.words)
                elif answer.outcome is Outcome.UNCERTAIN:
                    row.awaits_journal, row.error = False, answer.words
                else:
                    settling.wait_again(row)
            elif seen.state is AttemptState.NEVER:
                # It goes out late and out of its order, which is better than never.
                settling.wait_again(row)
            else:
                row.awaits_journal = False
            status = row.status
        if status == "queued":
            async with self._database.system(SystemSite.SENDING) as db:
                await OutboundQueue(db).wake(message.session_id)
        log.info("late_result", message_id=str(message.id), state=seen.state, status=status)
        return 1
