"""What each outcome of an attempt means: for its message, its session, and what waits behind it."""

import random
import uuid
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.messages.models import Message
from control_plane.messages.queue import settling
from control_plane.messages.queue.lanes import Lane
from control_plane.messages.queue.models import Outbox
from control_plane.messages.queue.repository import OutboundQueue
from control_plane.messages.queue.sender import Sender
from control_plane.sessions.models import Session
from control_plane.sessions.transitions import tell
from shared.contracts.commands import AttemptSeen, AttemptState, CommandAnswer, Outcome

log = structlog.get_logger(__name__)

_SHORTEST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0
_WORKER_GONE = "its worker did not come back to tell whether it was sent"
_HIDDEN = "its worker or the engine died while it was sent"


class Verdicts:
    """Within one transaction, in which `session` is locked, and the outbox too where it is still ours."""

    def __init__(self, sender: Sender, db: AsyncSession, session: Session, box: Outbox | None) -> None:
        self._sender = sender
        self._db = db
        self._session = session
        self._box = box
        # To be told when the transaction is committed.
        self.settled: list[tuple[Message, CommandAnswer | None]] = []

    async def settle(
        self, message_id: uuid.UUID, attempt: int, answer: CommandAnswer | AttemptSeen | None
    ) -> bool:
        """False: it is not known yet, and holds up what is behind it. No answer: its worker is away."""
        message = await OutboundQueue(self._db).locked(message_id)
        if message is None or not settling.is_of(message, attempt):
            return True  # another has settled it
        if answer is None:
            return await self._unanswered(message)
        if not isinstance(answer, AttemptSeen):
            await self._settle_answer(message, answer)
        elif answer.state is AttemptState.NEVER:
            settling.wait_again(message)
        elif answer.state is AttemptState.ENDED and answer.answer is not None:
            await self._settle_answer(message, answer.answer)
        else:
            await self._hidden(message, _HIDDEN, ask_again=False)
        return True

    async def _unanswered(self, message: Message) -> bool:
        if self._box is None:
            return True  # whoever holds the outbox by now asks as well
        if self._sender.journals.is_patient(message):
            return False
        await self._hidden(message, _WORKER_GONE, ask_again=True)
        return True

    async def _hidden(self, message: Message, words: str, *, ask_again: bool) -> None:
        await settling.uncertain(self._db, self._session, message, words, ask_again=ask_again)
        self.settled.append((message, None))

    async def _settle_answer(self, message: Message, answer: CommandAnswer) -> None:
        db, session, box = self._db, self._session, self._box
        outcome = answer.outcome
        if outcome is Outcome.DONE:
            await settling.sent(db, session, message, answer)
            if box is not None:
                box.pauses = 0
                box.bulk_at = await self._next_unhurried(message) or box.bulk_at
        elif outcome is Outcome.REFUSED:
            await settling.failed(db, session, message, answer.words)
            if box is not None:
                # Numbers that nobody has, one right after the other, are what looks most like a machine.
                box.bulk_at = await self._next_unhurried(message) or box.bulk_at
        elif outcome is Outcome.UNCERTAIN:
            await settling.uncertain(db, session, message, answer.words or _HIDDEN, ask_again=False)
        elif outcome is Outcome.NOT_CONNECTED and self._sender.outcomes.is_expected(message.id):
            # Its caller is here, and is told; nothing was accepted yet.
            await settling.failed(db, session, message, "the client was closed")
            await settling.found_closed(db, session, message)
        else:
            settling.wait_again(message)
            if box is None:
                pass  # it comes late, and says nothing of how things are by now
            elif outcome is Outcome.NOT_CONNECTED:
                await settling.found_closed(db, session, message)
            elif outcome is Outcome.LIMITED:
                await self._pause(box, answer.words)
            else:
                # Moving to where neither map nor tables know it yet, or without its store: for a moment.
                box.paused_until = datetime.now(UTC) + timedelta(seconds=min(1.0, 0.2 * message.attempts))
            return
        self.settled.append((message, answer))

    async def _next_unhurried(self, message: Message) -> datetime | None:
        """When the next one of its sort may go: like somebody who types, not like a machine."""
        if not is_unhurried(message):
            return None
        bulk = message.lane == Lane.BULK
        gap = self._sender.bulk_seconds if bulk else self._sender.planned_seconds
        own = await OutboundQueue(self._db).per_minute(message)
        if own is not None:
            gap = 60 / own
        return datetime.now(UTC) + timedelta(seconds=gap * random.uniform(0.7, 1.6))

    async def _pause(self, box: Outbox, words: str) -> None:
        seconds = min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2**box.pauses) * random.uniform(1.0, 1.2)
        box.pauses += 1
        box.paused_until = datetime.now(UTC) + timedelta(seconds=seconds)
        box.pause_reason = words[:500]
        log.warning("queue_paused", session_id=str(self._session.id), seconds=round(seconds))
        data = {"until": box.paused_until.isoformat(), "reason": box.pause_reason}
        await tell(self._db, self._session, "queue.paused", data)


def is_unhurried(message: Message) -> bool:
    return message.lane == Lane.BULK or message.send_at is not None
