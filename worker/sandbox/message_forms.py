"""What can be done to a message of any kind: forward it, let it vanish, mention somebody in it."""

from typing import Any

from worker.sandbox.library import Message
from worker.sandbox.message_kinds import Outgoing

# Envelopes around a whole message; clients take them off before they show it.
_ENVELOPES = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
)


def innermost(content: Any) -> Any:
    """The message without its envelopes."""
    for name in _ENVELOPES:
        if content.HasField(name):
            return innermost(getattr(content, name).message)
    return content


def ephemeral(message: Outgoing, seconds: int) -> Outgoing:
    """Vanishes so long after it was sent."""
    content: Any = Message()
    content.ephemeralMessage.message.CopyFrom(_extended(message.content))
    _context(content.ephemeralMessage.message).expiration = seconds
    return Outgoing(content, message.kind, message.edit)


def view_once(message: Outgoing) -> Outgoing:
    """An image, a video or a voice note that can be opened once."""
    content: Any = Message()
    content.viewOnceMessageV2.message.CopyFrom(message.content)
    for name in ("imageMessage", "videoMessage", "audioMessage"):
        if message.content.HasField(name):
            getattr(content.viewOnceMessageV2.message, name).viewOnce = True
    return Outgoing(content, message.kind, message.edit)


def forwarded(message: Outgoing, times: int = 1) -> Outgoing:
    content = _extended(message.content)
    context = _context(content)
    context.isForwarded, context.forwardingScore = True, times
    return Outgoing(content, message.kind, message.edit)


def mentioning(message: Outgoing, *people: str) -> Outgoing:
    """`people` are addresses; the text names each by the part in front of its @."""
    content = _extended(message.content)
    _context(content).mentionedJID.extend(people)
    return Outgoing(content, message.kind, message.edit)


def _extended(content: Any) -> Any:
    """Plain text has no room for a context."""
    copy: Any = Message()
    copy.CopyFrom(content)
    if copy.conversation:
        copy.extendedTextMessage.text = copy.conversation
        copy.ClearField("conversation")
    return copy


def _context(content: Any) -> Any:
    for descriptor, part in innermost(content).ListFields():
        if descriptor.message_type and "contextInfo" in descriptor.message_type.fields_by_name:
            return part.contextInfo
    raise ValueError("this kind of message has no context")
