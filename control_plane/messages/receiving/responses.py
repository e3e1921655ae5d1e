"""Reactions and votes: the latest of each person, found by the message that they are about."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.messages.models import Message
from control_plane.messages.receiving.outside import short
from control_plane.messages.receiving.receipt_models import MessageResponse
from shared.contracts.messages import PollVote, Reaction

REACTION, VOTE = "reaction", "poll_vote"


class StoredResponses(SystemRepository):
    async def put(self, by: Message, target_id: str, value: dict[str, Any], at: datetime) -> None:
        """One that was given before the one that is here changes nothing."""
        statement = insert(MessageResponse).values(
            user_id=by.user_id,
            session_id=by.session_id,
            chat_id=short(by.chat_id),
            target_id=short(target_id),
            kind=by.type,
            sender="" if by.direction == "outbound" else short(by.sender),
            phone=by.phone,
            value=value,
            at=at,
        )
        told = statement.excluded
        unique = ("session_id", "target_id", "chat_id", "kind", "sender")
        statement = statement.on_conflict_do_update(
            index_elements=unique,
            set_={"value": told.value, "at": told.at, "phone": told.phone},
            where=MessageResponse.at <= told.at,
        )
        await self.session.execute(statement)


class ResponseRepository(TenantRepository):
    async def about(self, message: Message) -> Sequence[MessageResponse]:
        """The oldest first. A chat of two may have been written to by its number, and answer under the name
        that hides it."""
        same_chat = [MessageResponse.chat_id == short(message.chat_id)]
        if message.phone and not message.chat_id.endswith("@g.us"):
            of_two = ~MessageResponse.chat_id.endswith("@g.us")
            same_chat.append(and_(of_two, MessageResponse.phone == message.phone))
        query = self.select(MessageResponse).where(
            MessageResponse.session_id == message.session_id,
            MessageResponse.target_id == short(message.whatsapp_message_id or ""),
            or_(*same_chat),
        )
        return (await self.session.scalars(query.order_by(MessageResponse.at, MessageResponse.id))).all()


async def note_response(
    db: AsyncSession, by: Message, content: Reaction | PollVote, poll: Message | None, at: datetime
) -> None:
    """A vote says which options it means by their hashes; with the poll at hand, it is told in words."""
    if isinstance(content, Reaction):
        await StoredResponses(db).put(by, content.target.whatsapp_id, {"emoji": content.emoji}, at)
        return
    if content.options or poll is None:
        chosen = list(map(option_hash, content.options)) or [_text(one) for one in content.chosen]
    else:
        chosen = [_text(one) for one in content.chosen]
        by.content = {**by.content, "options": chosen_options(poll, chosen)}
    await StoredResponses(db).put(by, content.poll.whatsapp_id, {"chosen": chosen}, at)


def chosen_options(poll: Message, chosen: Sequence[str]) -> list[str]:
    """In the order of the poll; a hash of no option of it counts for nothing."""
    return [option for option in poll.content.get("options", ()) if option_hash(option) in chosen]


def option_hash(option: str) -> str:
    return _text(hashlib.sha256(option.encode(errors="replace")).digest())


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
