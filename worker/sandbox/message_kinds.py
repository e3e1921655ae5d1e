"""The kinds of messages that people write, as the client library's protobuf has them."""

from dataclasses import dataclass
from typing import Any

from worker.sandbox.correspondence import Received
from worker.sandbox.library import Message

_REVOKE = 0
_EDIT = 14
_PIN, _UNPIN = 1, 2


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`kind` and `edit` are what the stanza says of the message without opening it."""

    content: Any
    kind: str = "text"
    edit: str | None = None


def text(words: str) -> Outgoing:
    return Outgoing(Message(conversation=words))


def reply(words: str, to: Received, author: str) -> Outgoing:
    """`author` is the address of whoever wrote what is answered."""
    content: Any = Message()
    content.extendedTextMessage.text = words
    context = content.extendedTextMessage.contextInfo
    context.stanzaID, context.participant = to.message_id, author
    context.quotedMessage.CopyFrom(to.content)
    return Outgoing(content)


def reaction(emoji: str, chat: str, message_id: str, *, from_me: bool = False) -> Outgoing:
    """An empty emoji takes the reaction back."""
    content: Any = Message()
    _fill_key(content.reactionMessage.key, chat, message_id, from_me=from_me)
    content.reactionMessage.text = emoji
    return Outgoing(content, "reaction")


def edit(words: str, chat: str, message_id: str, *, enveloped: bool = True) -> Outgoing:
    """Clients write both forms: with an envelope around it, and bare."""
    content: Any = Message()
    protocol = content.editedMessage.message.protocolMessage if enveloped else content.protocolMessage
    _fill_key(protocol.key, chat, message_id, from_me=True)
    protocol.type = _EDIT
    protocol.editedMessage.conversation = words
    return Outgoing(content, edit="1")


def revoke(chat: str, message_id: str, author: str = "") -> Outgoing:
    """With an author it is somebody else's message that an admin of the group takes away."""
    content: Any = Message()
    _fill_key(content.protocolMessage.key, chat, message_id, from_me=not author)
    if author:
        content.protocolMessage.key.participant = author
    content.protocolMessage.type = _REVOKE
    return Outgoing(content, edit="8" if author else "7")


def pin(chat: str, message_id: str, *, from_me: bool = False, seconds: int = 86_400) -> Outgoing:
    """At the top of the chat, for everybody in it; no seconds take it down again."""
    content: Any = Message()
    _fill_key(content.pinInChatMessage.key, chat, message_id, from_me=from_me)
    content.pinInChatMessage.type = _PIN if seconds else _UNPIN
    content.messageContextInfo.messageAddOnDurationInSecs = seconds
    return Outgoing(content, edit="2")


def location(latitude: float, longitude: float, name: str = "") -> Outgoing:
    content: Any = Message()
    content.locationMessage.degreesLatitude = latitude
    content.locationMessage.degreesLongitude = longitude
    content.locationMessage.name = name
    return Outgoing(content, "media")


def contact(name: str, number: str) -> Outgoing:
    content: Any = Message()
    content.contactMessage.displayName = name
    content.contactMessage.vcard = (
        f"BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nTEL;type=CELL;waid={number}:+{number}\nEND:VCARD"
    )
    return Outgoing(content, "media")


def contacts(*people: tuple[str, str]) -> Outgoing:
    """Several at once, each a name and a number."""
    content: Any = Message()
    content.contactsArrayMessage.displayName = f"{len(people)} contacts"
    for name, number in people:
        content.contactsArrayMessage.contacts.add().CopyFrom(contact(name, number).content.contactMessage)
    return Outgoing(content, "media")


def live_location(latitude: float, longitude: float, caption: str = "", *, sequence: int = 1) -> Outgoing:
    """Sent again and again with a rising number while its sender moves."""
    content: Any = Message()
    content.liveLocationMessage.degreesLatitude = latitude
    content.liveLocationMessage.degreesLongitude = longitude
    content.liveLocationMessage.caption = caption
    content.liveLocationMessage.sequenceNumber = sequence
    return Outgoing(content, "media")


def link(words: str, url: str, title: str, description: str = "") -> Outgoing:
    """Text with the preview of a page that it names."""
    content: Any = Message()
    content.extendedTextMessage.text = words
    content.extendedTextMessage.matchedText = url
    content.extendedTextMessage.title, content.extendedTextMessage.description = title, description
    return Outgoing(content)


def poll(question: str, *options: str, choices: int = 1, secret: bytes = bytes(32)) -> Outgoing:
    """Votes are sealed with the secret."""
    content: Any = Message()
    content.messageContextInfo.messageSecret = secret
    content.pollCreationMessageV3.name = question
    content.pollCreationMessageV3.selectableOptionsCount = choices
    for option in options:
        content.pollCreationMessageV3.options.add().optionName = option
    return Outgoing(content, "poll")


def _fill_key(key: Any, chat: str, message_id: str, *, from_me: bool) -> None:
    key.remoteJID, key.ID, key.fromMe = chat, message_id, from_me
