"""What became of an attempt, written down: in one place for an answer and for one that came late."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.messages.contacts.identity import place_sent
from control_plane.messages.models import Message
from control_plane.messages.outgoing import content_of
from control_plane.messages.receiving.changes import EVENTS, apply_change
from control_plane.messages.receiving.receipts import apply_early_receipts
from control_plane.messages.receiving.storing import event_data, store_key_of_sent
from control_plane.sessions.models import Session
from control_plane.sessions.transitions import tell, transition
from control_plane.tiers.service import ReleasedQuotas
from shared.contracts.commands import CommandAnswer
from shared.ids import public_id
from shared.session_state import Reason, SessionState

EXPIRED = "expired: it waited for longer than it may"
_LONGEST_ERROR = 500
_UNSETTLED = frozenset({"sending", "uncertain"})
NOT_BEGUN = frozenset({"queued", "scheduled"})


async def sent(db: AsyncSession, session: Session, message: Message, answer: CommandAnswer) -> None:
    """`session` and `message` are locked, here and below."""
    at = mark_sent(message, answer)
    await place_sent(db, session, message, phone=answer.phone, lid=answer.lid)
    await store_key_of_sent(db, message)
    changed = await apply_change(db, message, content_of(message), at)
    about = {"messageId": public_id("msg", changed.id)} if changed is not None else {}
    kind = EVENTS.get(message.type, "message.sent")
    # Here, so that it is written together with the number of the event.
    session.last_activity_at = at
    await tell(db, session, kind, sent_data(message) | about)
    for receipt in await apply_early_receipts(db, message):
        await tell(db, session, "message.ack", receipt)


def mark_sent(message: Message, answer: CommandAnswer) -> datetime:
    message.status, message.error, message.awaits_journal = "sent", None, False
    message.whatsapp_message_id, message.ack = answer.whatsapp_id, 1
    message.sent_at = at = datetime.now(UTC)
    return at


def sent_data(message: Message) -> dict[str, Any]:
    return event_data(message) | {"error": None}


async def failed(db: AsyncSession, session: Session, message: Message, words: str) -> None:
    """For good: it did not leave."""
    message.status, message.error, message.awaits_journal = "failed", words[:_LONGEST_ERROR], False
    await ReleasedQuotas(db).release_message(message.user_id, message.created_at)
    await tell(db, session, "message.failed", event_data(message) | {"error": message.error})


async def cancelled(db: AsyncSession, session: Session, message: Message) -> None:
    message.status, message.error = "cancelled", None
    await ReleasedQuotas(db).release_message(message.user_id, message.created_at)
    await tell(db, session, "message.cancelled", event_data(message))


async def uncertain(
    db: AsyncSession, session: Session, message: Message, words: str, *, ask_again: bool
) -> None:
    """It may have left. `ask_again`: the worker that knows more could not be asked yet."""
    told = message.status == "uncertain"
    message.status, message.error = "uncertain", words[:_LONGEST_ERROR]
    message.awaits_journal = ask_again
    if told:
        return
    await tell(db, session, "message.uncertain", event_data(message) | {"error": message.error})


def wait_again(message: Message) -> None:
    """Nothing left: it keeps its place, and goes out with a number of its own for the next attempt."""
    message.status, message.error, message.awaits_journal = "queued", None, False


def is_of(message: Message, attempt: int) -> bool:
    """Not settled yet, and nobody has begun another attempt meanwhile."""
    return message.status in _UNSETTLED and message.attempts == attempt


async def found_closed(db: AsyncSession, session: Session, message: Message) -> None:
    """Its worker will tell more; until then nobody is to believe that it is connected."""
    if session.epoch == message.epoch and session.status == SessionState.CONNECTED:
        words = "found closed when something was to be sent"
        await transition(db, session, SessionState.RECONNECTING, Reason.CONNECTION_LOST, words)
