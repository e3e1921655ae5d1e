"""What stands around a content: the message that it answers, whom it mentions, and that it was passed on."""

from typing import Any

from shared.contracts.messages import Quoted
from worker.whatsapp.incoming import fields
from worker.whatsapp.incoming.envelope import Envelope
from worker.whatsapp.incoming.wrappers import unwrap

_MOST_MENTIONS = 1024
# Where the kinds of messages keep the words that a reader sees.
_WORDS = (
    ("extendedTextMessage", "text"),
    ("imageMessage", "caption"),
    ("videoMessage", "caption"),
    ("documentMessage", "caption"),
    ("documentMessage", "fileName"),
    ("locationMessage", "name"),
    ("contactMessage", "displayName"),
    ("pollCreationMessage", "name"),
    ("pollCreationMessageV3", "name"),
)


def context_of(message: Any) -> Any:
    """Of an unwrapped message; None where it has none."""
    for _, value in message.ListFields():
        if hasattr(value, "contextInfo") and value.HasField("contextInfo"):
            return value.contextInfo
    return None


def quoted(context: Any, envelope: Envelope) -> Quoted | None:
    whatsapp_id = fields.message_id(context.stanzaID)
    if not whatsapp_id:
        return None
    return Quoted(
        whatsapp_id=whatsapp_id,
        sender=envelope.other(fields.address(context.participant)),
        text=text_of(context.quotedMessage),
    )


def mentions(context: Any) -> tuple[str, ...]:
    addresses = (fields.address(written) for written in context.mentionedJID[:_MOST_MENTIONS])
    return tuple(address for address in addresses if address)


def text_of(message: Any) -> str:
    """The words of any kind of message, as far as it has some."""
    plain, _, _ = unwrap(message)
    if plain.HasField("conversation"):
        return fields.words(plain.conversation)
    for kind, field in _WORDS:
        if plain.HasField(kind) and getattr(getattr(plain, kind), field):
            return fields.words(getattr(getattr(plain, kind), field))
    return ""
