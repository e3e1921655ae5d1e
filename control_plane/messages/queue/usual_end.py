"""The usual end of an attempt, in one round trip: it was sent, and the next one is begun.

Most messages go to somebody who is known and stand for themselves. For them all that `settling.sent` would
write is written by a function of the schema; for the rest, and wherever something is not as it was when the
attempt began, it writes nothing, and the long way is taken.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from control_plane.db.claims import Claim
from control_plane.db.engine import SystemSite
from control_plane.messages.contacts.identity import is_known
from control_plane.messages.models import NO_NEWS, Message
from control_plane.messages.queue import settling
from control_plane.messages.queue.lanes import youngest_ids
from control_plane.messages.queue.repository import LEASE
from control_plane.messages.queue.sender import Sender
from control_plane.messages.queue.verdicts import is_unhurried
from control_plane.sessions.models import Session
from shared.contracts.commands import CommandAnswer, Outcome
from shared.ids import new_uuid

_FUNCTION = "settle_sent"
_DOCUMENTS = ("content", "reply_to", "mentions", "media")


@dataclass(frozen=True, slots=True)
class End:
    """With the message that is being sent from now on; `look`: what waits needs a closer look."""

    session: Session | None = None
    following: Message | None = None
    look: bool = False


async def settle_usual(
    sender: Sender, claim: Claim, session: Session, message: Message, answer: CommandAnswer, *, take: bool
) -> End | None:
    """None: nothing was written. With `take`, the one behind it may be begun."""
    settling.mark_sent(message, answer)
    row = await sender.database.call(
        SystemSite.SENDING,
        _FUNCTION,
        session.id,
        claim.token,
        _told(message),
        LEASE,
        youngest_ids(),
        take,
    )
    match row["outcome"]:
        case "other":
            return None
        case "next":
            owned = Session(
                id=session.id,
                user_id=session.user_id,
                status=session.status,
                epoch=row["epoch"],
                worker_id=row["worker_id"],
            )
            return End(owned, _message(row["following"]))
        case outcome:
            return End(look=outcome == "look")


def is_usual(message: Message, answer: object) -> bool:
    """It went to whom it was meant for, and concerns no other message."""
    return (
        isinstance(answer, CommandAnswer)
        and answer.outcome is Outcome.DONE
        and message.type not in NO_NEWS
        and not is_unhurried(message)
        and is_known(message, phone=answer.phone, lid=answer.lid)
    )


def _told(message: Message) -> str:
    told = {
        "id": message.id,
        "attempt": message.attempts,
        "contact": message.contact_id,
        "whatsapp_id": message.whatsapp_message_id,
        "at": message.sent_at,
        "chat_row": new_uuid(),
        "event": new_uuid(),
        "data": settling.sent_data(message),
    }
    return msgspec.json.encode(told).decode()


def _message(row: Any) -> Message:
    """While an upgrade rolls, the schema may have columns that this process does not know."""
    fields = {column.key: row[column.key] for column in Message.__mapper__.column_attrs}
    for name in _DOCUMENTS:
        if fields[name] is not None:
            fields[name] = msgspec.json.decode(fields[name])
    return Message(**fields)
