"""Sends what waits in one session's outbox: in order, one at a time, for as long as the outbox is held.

The row says that a message is being sent, and at which epoch, before its worker is called. So whoever comes
after a process that died knows which message to ask the worker's journal about.
"""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.claims import Claim
from control_plane.db.engine import SystemSite
from control_plane.messages.models import Message
from control_plane.messages.outgoing import wish_of
from control_plane.messages.queue import settling
from control_plane.messages.queue.models import Outbox
from control_plane.messages.queue.repository import LEASE, NEVER, OutboundQueue
from control_plane.messages.queue.sender import Sender
from control_plane.messages.queue.usual_end import is_usual, settle_usual
from control_plane.messages.queue.verdicts import Verdicts, is_unhurried
from control_plane.sessions.models import Session
from shared.contracts.commands import AttemptSeen, AttemptState, CommandAnswer, Outcome, TypingWish
from shared.session_state import SessionState

# Connecting wakes an outbox at once; this is for a wake that was lost.
_LOOK_AGAIN = timedelta(seconds=30)
_STILL_RUNNING = 0.3

Begun = tuple[Session, Message]


class Drainer:
    def __init__(self, sender: Sender, claim: Claim, stopping: asyncio.Event) -> None:
        self._sender = sender
        self._claim = claim
        self._stopping = stopping
        self._session_id = claim.id
        # The place of a message that had the queue to itself.
        self._alone = 0

    async def run(self, begun: Begun | None = None) -> None:
        """`begun` is being sent by us already, as its row says."""
        if begun is not None:
            self._alone = begun[1].place
        session, message = begun or await self._begin()
        while message is not None and session is not None:
            await self._seem_to_type(session, message)
            answer = await self._attempt(session, message)
            session, message = await self._after(session, message, answer)

    # ---- one attempt ----

    async def _attempt(self, session: Session, message: Message) -> CommandAnswer | AttemptSeen | None:
        """None: nobody can say at this moment what became of it."""
        try:
            wish = wish_of(message)
        except msgspec.MsgspecError as error:
            # What nobody can read must not hold up all that is behind it.
            return CommandAnswer(outcome=Outcome.REFUSED, words=f"its content cannot be read: {error}")
        answer = await self._sender.handing_over.give(session, wish)
        return answer if answer.outcome is not Outcome.UNANSWERED else await self._looked_up(message)

    async def _looked_up(self, message: Message) -> AttemptSeen | None:
        while True:
            seen = await self._sender.journals.look_up(message)
            if seen is None or seen.state is not AttemptState.RUNNING:
                return seen
            await asyncio.sleep(_STILL_RUNNING)

    async def _seem_to_type(self, session: Session, message: Message) -> None:
        if message.typing_seconds:
            wish = TypingWish(epoch=session.epoch, chat=message.recipient, state="typing")
            await self._sender.handing_over.give(session, wish)
            await asyncio.sleep(message.typing_seconds * random.uniform(0.8, 1.2))

    # ---- transactions ----

    async def _after(
        self, session: Session, message: Message, answer: CommandAnswer | AttemptSeen | None
    ) -> tuple[Session | None, Message | None]:
        if not isinstance(answer, CommandAnswer) or not is_usual(message, answer):
            return await self._next(message, answer)
        taking = not self._stopping.is_set()
        end = await settle_usual(self._sender, self._claim, session, message, answer, take=taking)
        if end is None:
            return await self._next(message, answer)
        self._sender.hint()
        self._sender.outcomes.tell(message, answer)
        return await self._next(None, None) if end.look else (end.session, end.following)

    async def _begin(self) -> tuple[Session | None, Message | None]:
        """What another left behind is settled first, or what is behind it would overtake it."""
        async with self._sender.database.system(SystemSite.SENDING) as db:
            left = await OutboundQueue(db).being_sent(self._session_id)
        for message in left:
            session, following = await self._next(message, await self._looked_up(message), only_settle=True)
            if session is None:
                return None, following
        return await self._next(None, None)

    async def _next(
        self,
        message: Message | None,
        answer: CommandAnswer | AttemptSeen | None,
        *,
        only_settle: bool = False,
    ) -> tuple[Session | None, Message | None]:
        """Writes down what became of one and takes the following one, in one transaction."""
        async with self._sender.database.system(SystemSite.SENDING) as db:
            queue = OutboundQueue(db)
            session = await queue.session_of(self._session_id)
            if session is None:
                return None, None  # deleted, and all of its messages with it
            box = await queue.held(self._claim)
            verdicts, blocked = Verdicts(self._sender, db, session, box), False
            if message is not None:
                blocked = not await verdicts.settle(message.id, message.attempts, answer)
            if box is None:
                following, going_on = None, False  # somebody else holds it by now, and sends what is behind
            elif blocked:
                following, going_on = None, False
                self._park(box, timedelta(seconds=1))
            elif only_settle:
                following, going_on = None, True
            else:
                following = await self._take(db, session, box, verdicts)
                going_on = following is not None
        if verdicts.settled:
            self._sender.hint()
        for settled, how in verdicts.settled:
            self._sender.outcomes.tell(settled, how)
        return (session if going_on else None), following

    async def _take(
        self, db: AsyncSession, session: Session, box: Outbox, verdicts: Verdicts
    ) -> Message | None:
        queue, now = OutboundQueue(db), datetime.now(UTC)
        nothing_came = bool(verdicts.settled) and box.accepted == self._alone
        message = None if nothing_came else await queue.first(session.id)
        while message is not None and message.expires_at is not None and message.expires_at <= now:
            await settling.failed(db, session, message, settling.EXPIRED)
            verdicts.settled.append((message, None))
            await db.flush()
            message = await queue.first(session.id)
        if message is None:
            self._rest(box, NEVER, waiting=False)
        elif self._stopping.is_set():
            self._park(box, timedelta())
        elif box.paused_until is not None and box.paused_until > now:
            self._rest(box, box.paused_until)
        elif session.status != SessionState.CONNECTED:
            self._park(box, _LOOK_AGAIN)
        elif is_unhurried(message) and box.bulk_at is not None and box.bulk_at > now:
            self._rest(box, box.bulk_at, waiting=False)
        else:
            box.claimed_until = func.clock_timestamp() + LEASE
            box.paused_until = box.pause_reason = None
            begin_attempt(message, session)
            return message
        return None

    def _park(self, box: Outbox, after: timedelta) -> None:
        self._rest(box, datetime.now(UTC) + after)

    def _rest(self, box: Outbox, until: datetime, *, waiting: bool = True) -> None:
        """Gives it back. What is accepted meanwhile makes it due by itself."""
        box.claim_token, box.claimed_until = None, None
        box.due_at, box.waiting = until, waiting


def begin_attempt(message: Message, session: Session) -> None:
    message.status, message.epoch = "sending", session.epoch
    message.attempts += 1
    message.attempted_at = datetime.now(UTC)
