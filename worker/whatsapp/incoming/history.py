"""What the phone remembers, in parts that the pipe to the agent carries easily."""

from collections.abc import Iterator
from typing import Any

import msgspec

from shared.contracts.messages import ReceivedMessage
from shared.contracts.told import HistoryReceived
from worker.whatsapp.account import Account
from worker.whatsapp.incoming import fields
from worker.whatsapp.incoming.envelope import Envelope
from worker.whatsapp.incoming.messages import read_message, unreadable
from worker.whatsapp.jids import is_group, lid_of, phone_of

_MOST_MESSAGES = 200
_MOST_BYTES = 4 * 1024 * 1024
_WHOLE = 100


def parts_of(history: Any, account: Account) -> Iterator[HistoryReceived]:
    """Only the last part says how far the phone has come: until then there is more of it."""
    kinds = history.DESCRIPTOR.fields_by_name["syncType"].enum_type.values_by_number
    kind = kinds[history.syncType].name.lower() if history.syncType in kinds else "unknown"
    progress = min(_WHOLE, int(history.progress))
    messages: list[ReceivedMessage] = []
    size = 0
    for message, weight in _messages(history, account):
        if messages and (len(messages) >= _MOST_MESSAGES or size + weight > _MOST_BYTES):
            yield HistoryReceived(kind=kind, progress=min(progress, _WHOLE - 1), messages=tuple(messages))
            messages, size = [], 0
        messages.append(message)
        size += weight
    yield HistoryReceived(kind=kind, progress=progress, messages=tuple(messages))


def _messages(history: Any, account: Account) -> Iterator[tuple[ReceivedMessage, int]]:
    names = _OtherNames(history.phoneNumberToLidMappings)
    for conversation in history.conversations:
        chat = fields.address(conversation.ID)
        names.learn(conversation.pnJID, conversation.lidJID)
        # The phone writes down the newest first.
        stored = [kept.message for kept in conversation.messages][::-1]
        for written in sorted(stored, key=lambda written: int(written.messageTimestamp)):
            message = _read(written, _envelope(written, chat, names, account))
            if message is not None and chat and message.whatsapp_id:
                yield message, written.ByteSize()


def _read(written: Any, envelope: Envelope) -> ReceivedMessage | None:
    try:
        message = read_message(written.message, envelope)
    except Exception:  # one message among thousands must not take the others with it
        message = unreadable(envelope)
    if message is None or not envelope.from_me:
        return message
    # The phone counts from 2, sent, to 5, played.
    return msgspec.structs.replace(message, ack=max(0, int(written.status) - 1))


class _OtherNames:
    """Everybody has two names on the network, and the history tells which belong together."""

    def __init__(self, mappings: Any) -> None:
        self._others: dict[str, str] = {}
        for mapping in mappings:
            self.learn(mapping.pnJID, mapping.lidJID)

    def learn(self, number_written: Any, lid_written: Any) -> None:
        number, lid = fields.address(number_written), fields.address(lid_written)
        if number and lid:
            self._others |= {number: lid, lid: number}

    def both(self, address: str) -> tuple[str, str]:
        return address, self._others.get(address, "")


def _envelope(written: Any, chat: str, names: _OtherNames, account: Account) -> Envelope:
    key, from_me = written.key, bool(written.key.fromMe)
    sender = chat
    if from_me:
        sender = account.address_in(chat)
    elif is_group(chat):
        sender = fields.address(key.participant or written.participant)
    own = (account.number, account.lid) if from_me else ()
    known = (*names.both(sender), *own)
    return Envelope(
        account=account,
        whatsapp_id=fields.message_id(key.ID),
        chat=chat,
        sender=sender,
        timestamp=int(written.messageTimestamp),
        chat_phone=next(filter(None, map(phone_of, names.both(chat))), ""),
        chat_lid=next(filter(None, map(lid_of, names.both(chat))), ""),
        sender_phone=next(filter(None, map(phone_of, known)), ""),
        sender_lid=next(filter(None, map(lid_of, known)), ""),
        from_me=from_me,
        push_name=fields.words(written.pushName),
    )
