"""Receipts: how far a message has come, told by those who got it.

In a group each reader has a row of their own. The message's own status rises with the first of them, for
nobody can tell who all of them are: a group's members change, and some send no receipts at all.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.messages.chat_ids import phone_of
from control_plane.messages.models import Message
from control_plane.messages.receiving.outside import moment, short
from control_plane.messages.receiving.receipt_models import EarlyReceipt
from control_plane.messages.receiving.receipt_repository import StoredReceipts
from control_plane.messages.receiving.storing import STATUSES, event_data
from control_plane.sessions.models import Session
from shared.contracts.told import ReceiptSeen

# What receipts say, in the order in which they may follow each other.
ACKS = {"delivered": 2, "read": 3, "played": 4}
# Said by the account's own phone and its other devices, of what others wrote.
_READ_HERE = frozenset({"read", "read_self", "played", "played_self"})
_OWN = frozenset({"read_self", "played_self", "sender"})
# Their outcome is about to be stored, and would overwrite what a receipt had said.
_UNSETTLED = frozenset({"queued", "sending"})
_OF_MANY = ("@g.us", "@broadcast")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    kind: str
    chat: str
    reader: str
    phone: str | None
    lid: str | None
    at: datetime


async def store_receipt(db: AsyncSession, session: Session, told: ReceiptSeen) -> list[dict[str, Any]]:
    """The data of each `message.ack` that it is worth. `session` is locked."""
    ids, stored = tuple(dict.fromkeys(map(short, told.whatsapp_ids))), StoredReceipts(db)
    if told.from_me or told.kind in _OWN:
        if told.kind in _READ_HERE:
            await stored.read_on_the_phone(session.id, ids, moment(told.timestamp))
        return []
    if told.kind not in ACKS:
        return []
    receipt = Receipt(
        kind=told.kind,
        chat=short(told.chat),
        reader=short(told.sender),
        phone=told.sender_phone or phone_of(told.sender),
        lid=told.sender_lid or (told.sender if told.sender.endswith("@lid") else None),
        at=moment(told.timestamp),
    )
    messages = await stored.sent(session.id, ids)
    settled = [message for message in messages if message.status not in _UNSETTLED]
    known = {message.whatsapp_message_id for message in settled}
    if early := [whatsapp_id for whatsapp_id in ids if whatsapp_id not in known]:
        await stored.keep_early(session, early, _fields(receipt))
    return [data for message in settled if (data := await _apply(db, message, receipt)) is not None]


async def apply_early_receipts(db: AsyncSession, message: Message) -> list[dict[str, Any]]:
    """What was told of a message before it was known to be sent: call it once its `whatsapp_message_id`,
    `status` and `ack` are set, in the transaction that sets them, with its session's row and its own locked.

    Tell each of the answers as a `message.ack`, after the `message.sent`.
    """
    if message.whatsapp_message_id is None or message.direction != "outbound":
        return []
    early = await StoredReceipts(db).take_early(message.session_id, short(message.whatsapp_message_id))
    told = [await _apply(db, message, _receipt(one)) for one in early]
    return [data for data in told if data is not None]


async def _apply(db: AsyncSession, message: Message, receipt: Receipt) -> dict[str, Any] | None:
    """None where it says nothing new."""
    if not _is_about(message, receipt):
        return None
    of_many, ack, new = message.chat_id.endswith(_OF_MANY), ACKS[receipt.kind], False
    if of_many:
        new = await StoredReceipts(db).put(message, receipt.reader, _moments(receipt), _names(receipt))
    if message.ack < ack:
        new = True
        message.ack, message.status = ack, STATUSES[ack]
        message.delivered_at = message.delivered_at or receipt.at
        if ack >= ACKS["read"]:
            message.read_at = message.read_at or receipt.at
    if not new:
        return None
    about = {"participant": receipt.reader, "participantStatus": receipt.kind} if of_many else {}
    return event_data(message) | about


def _is_about(message: Message, receipt: Receipt) -> bool:
    """Who shares a group with us knows the ids of its messages, and could speak of them from elsewhere.

    Each reader of a list answers in a chat of two.
    """
    group = message.chat_id.endswith("@g.us") or receipt.chat.endswith("@g.us")
    return short(message.chat_id) == receipt.chat if group else True


def _moments(receipt: Receipt) -> dict[str, datetime]:
    """What was read was delivered before."""
    return {f"{kind}_at": receipt.at for kind, ack in ACKS.items() if ack <= ACKS[receipt.kind]}


def _names(receipt: Receipt) -> dict[str, str | None]:
    return {"phone": receipt.phone, "lid": receipt.lid}


def _fields(receipt: Receipt) -> dict[str, Any]:
    return {
        "chat_id": receipt.chat,
        "reader": receipt.reader,
        "kind": receipt.kind,
        "at": receipt.at,
        **_names(receipt),
    }


def _receipt(early: EarlyReceipt) -> Receipt:
    return Receipt(
        kind=early.kind,
        chat=early.chat_id,
        reader=early.reader,
        phone=early.phone,
        lid=early.lid,
        at=early.at,
    )
