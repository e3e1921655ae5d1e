"""One message looked at by itself: who of a group has read it, how people reacted, what they voted for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.accounts.schemas import Answer
from control_plane.errors import not_found
from control_plane.http.principal import Principal
from control_plane.messages.files.media import MediaLinks
from control_plane.messages.models import Message
from control_plane.messages.receiving.receipt_models import MessageReceipt, MessageResponse
from control_plane.messages.receiving.receipt_repository import ReceiptRepository
from control_plane.messages.receiving.responses import REACTION, VOTE, ResponseRepository, chosen_options
from control_plane.messages.repository import MessageRepository
from control_plane.messages.schemas import MessageView
from control_plane.sessions.service import Sessions
from shared.ids import parse_public_id

_OF_MANY = ("@g.us", "@broadcast")


class ReceiptCounts(Answer):
    """How many have got it, read it, played it."""

    delivered: int
    read: int
    played: int


class ReactionView(Answer):
    """The latest of each person; `from` is empty where that is the session itself."""

    sender: str = msgspec.field(name="from")
    emoji: str
    at: datetime


class OptionVotes(Answer):
    """Of each voter the latest vote counts; in `voters` the session itself is empty."""

    option: str
    votes: int
    voters: list[str]


class MessageDetail(MessageView):
    receipts: Annotated[
        ReceiptCounts | None,
        msgspec.Meta(
            description="Of a message that went to a group, null otherwise. There, `status` and `ack` tell"
            " how far the first of its readers has come."
        ),
    ]
    reactions: list[ReactionView]
    votes: Annotated[
        list[OptionVotes] | None, msgspec.Meta(description="Of a poll, option by option; null otherwise")
    ]


class ReceiptView(Answer):
    """Of one reader; a time is null as long as that has not happened, or is not told."""

    participant: str
    phone: str | None
    lid: str | None
    delivered_at: datetime | None
    read_at: datetime | None
    played_at: datetime | None

    @classmethod
    def of(cls, receipt: MessageReceipt) -> "ReceiptView":
        return cls(
            participant=receipt.reader,
            phone=receipt.phone,
            lid=receipt.lid,
            delivered_at=receipt.delivered_at,
            read_at=receipt.read_at,
            played_at=receipt.played_at,
        )


async def visible_message(
    db: AsyncSession, sessions: Sessions, principal: Principal, message_id: str
) -> Message:
    identity = parse_public_id("msg", message_id)
    message = await MessageRepository(db).message(identity) if identity is not None else None
    if message is None:
        raise not_found("message")
    # A test key reaches sandbox sessions only.
    await sessions.session(principal, f"ses-{message.session_id}")
    return message


async def detail_of(db: AsyncSession, message: Message, links: MediaLinks) -> MessageDetail:
    view = MessageView.of(message, links)
    counts = None
    if message.direction == "outbound" and message.chat_id.endswith(_OF_MANY):
        delivered, read, played = await ReceiptRepository(db).counts(message.id)
        counts = ReceiptCounts(delivered=delivered, read=read, played=played)
    responses = await ResponseRepository(db).about(message) if message.whatsapp_message_id else []
    return MessageDetail(
        **{name: getattr(view, name) for name in view.__struct_fields__},
        receipts=counts,
        reactions=[
            ReactionView(sender=one.sender, emoji=one.value["emoji"], at=one.at)
            for one in _latest(message, responses, REACTION)
            if one.value["emoji"]
        ],
        votes=_votes(message, _latest(message, responses, VOTE)) if message.type == "poll" else None,
    )


def _latest(message: Message, responses: Sequence[MessageResponse], kind: str) -> list[MessageResponse]:
    """In a chat of two the other person may have answered under either name, and is one all the same."""
    of_many = message.chat_id.endswith(_OF_MANY)
    latest = {one.sender if of_many else bool(one.sender): one for one in responses if one.kind == kind}
    return list(latest.values())


def _votes(poll: Message, votes: Sequence[MessageResponse]) -> list[OptionVotes]:
    voters: dict[str, list[str]] = {option: [] for option in poll.content.get("options", ())}
    for vote in votes:
        for option in chosen_options(poll, vote.value["chosen"]):
            voters[option].append(vote.sender)
    return [OptionVotes(option=option, votes=len(who), voters=who) for option, who in voters.items()]
