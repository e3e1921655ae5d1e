"""A received message as a whole."""

from dataclasses import replace
from typing import Any

import msgspec

from shared.contracts.messages import ReceivedContent, ReceivedMessage, Unknown
from worker.whatsapp.incoming.contents import Chosen, read_content
from worker.whatsapp.incoming.context import context_of, mentions, quoted
from worker.whatsapp.incoming.envelope import Envelope
from worker.whatsapp.incoming.wrappers import unwrap


def read_message(message: Any, envelope: Envelope, chosen: Chosen = None) -> ReceivedMessage | None:
    """None for what only clients say to each other."""
    plain, ephemeral, view_once = unwrap(message)
    envelope = replace(
        envelope,
        ephemeral=envelope.ephemeral or ephemeral,
        view_once=envelope.view_once or view_once,
    )
    content = read_content(plain, envelope, chosen)
    return _message(content, envelope, context_of(plain)) if content is not None else None


def unreadable(envelope: Envelope) -> ReceivedMessage:
    """In the place of one that could not be read: that it came is told all the same."""
    return _message(Unknown(name="unreadable"), envelope, None)


def _message(content: ReceivedContent, envelope: Envelope, context: Any) -> ReceivedMessage:
    message = ReceivedMessage(
        whatsapp_id=envelope.whatsapp_id,
        chat=envelope.chat,
        chat_phone=envelope.chat_phone,
        chat_lid=envelope.chat_lid,
        sender=envelope.sender,
        sender_phone=envelope.sender_phone,
        sender_lid=envelope.sender_lid,
        timestamp=envelope.timestamp,
        from_me=envelope.from_me,
        push_name=envelope.push_name,
        content=content,
        ephemeral=envelope.ephemeral,
    )
    if context is None:
        return message
    return _with_context(message, envelope, context)


def _with_context(message: ReceivedMessage, envelope: Envelope, context: Any) -> ReceivedMessage:
    return msgspec.structs.replace(
        message,
        reply_to=quoted(context, envelope),
        mentions=mentions(context),
        forwarded=bool(context.isForwarded),
        ephemeral=message.ephemeral or context.expiration > 0,
    )
