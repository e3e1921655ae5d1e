"""One table from the fields of the library's message to our kinds of content."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from shared.contracts.messages import (
    ContactCard,
    Contacts,
    Edit,
    Location,
    Poll,
    PollVote,
    Reaction,
    ReceivedContent,
    Revoke,
    Text,
    Unknown,
)
from worker.whatsapp.incoming import fields
from worker.whatsapp.incoming.context import text_of
from worker.whatsapp.incoming.envelope import Envelope
from worker.whatsapp.incoming.files import FILES, read_file

# The key of a group, for everybody's clients; keys of the account's own devices; how long messages live.
_NOISE = frozenset(
    {
        "senderKeyDistributionMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
        "messageContextInfo",
        "stickerSyncRmrMessage",
        "placeholderMessage",
        "groupRootKeyShare",
        "rootSecretDistributeMessage",
    }
)
# Beside a poll's vote, which is sealed: the SHA-256 of the options that were chosen.
Chosen = tuple[bytes, ...] | None
Reader = Callable[[Any, Envelope], ReceivedContent | None]


def read_content(message: Any, envelope: Envelope, chosen: Chosen = None) -> ReceivedContent | None:
    """Of an unwrapped message; None for what only clients say to each other."""
    unknown = ""
    for field, value in message.ListFields():
        name = field.name
        if name in _NOISE or (name == "protocolMessage" and value.type not in _TOLD):
            continue
        content = _read(name, value, envelope, chosen)
        if content is not None:
            return content
        unknown = unknown or name
    return Unknown(name=unknown) if unknown else None


def _read(name: str, value: Any, envelope: Envelope, chosen: Chosen) -> ReceivedContent | None:
    if name in FILES:
        return read_file(name, value, envelope)
    if name == "pollUpdateMessage":
        return _vote(value, envelope, chosen)
    reader = _READERS.get(name)
    return reader(value, envelope) if reader is not None else None


def _location(value: Any, _: Envelope, *, live: bool = False) -> Location | None:
    latitude, longitude = value.degreesLatitude, value.degreesLongitude
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        return None
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return Location(
        latitude=latitude,
        longitude=longitude,
        name=fields.words(value.caption if live else value.name),
        address="" if live else fields.words(value.address),
        live=live or value.isLive,
    )


def _card(value: Any) -> ContactCard:
    return ContactCard(name=fields.words(value.displayName), vcard=fields.words(value.vcard))


def _poll(value: Any, _: Envelope) -> Poll:
    return Poll(
        question=fields.words(value.name),
        options=tuple(fields.words(option.optionName) for option in value.options),
        selectable=value.selectableOptionsCount,
    )


def _vote(value: Any, envelope: Envelope, chosen: Chosen) -> PollVote | None:
    poll = envelope.key(value.pollCreationMessageKey)
    return PollVote(poll=poll, chosen=chosen) if poll is not None and chosen is not None else None


def _reaction(value: Any, envelope: Envelope) -> Reaction | None:
    target = envelope.key(value.key)
    return Reaction(target=target, emoji=fields.words(value.text)) if target is not None else None


def _protocol(value: Any, envelope: Envelope) -> Edit | Revoke | None:
    target = envelope.key(value.key)
    if target is None:
        return None
    own = target.sender == envelope.author
    if value.type == value.REVOKE:
        # Whoever may not delete what others wrote could say so all the same.
        return Revoke(target=target) if own or envelope.by_admin else None
    return Edit(target=target, text=text_of(value.editedMessage)) if own else None


_TOLD = frozenset({0, 14})  # a deletion for everyone, an edit
_READERS: Mapping[str, Reader] = {
    "conversation": lambda value, _: Text(text=fields.words(value)),
    "extendedTextMessage": lambda value, _: Text(text=fields.words(value.text)),
    "locationMessage": _location,
    "liveLocationMessage": lambda value, envelope: _location(value, envelope, live=True),
    "contactMessage": lambda value, _: Contacts(cards=(_card(value),)),
    "contactsArrayMessage": lambda value, _: Contacts(cards=tuple(map(_card, value.contacts))),
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "pollCreationMessageV5": _poll,
    "pollCreationMessageV6": _poll,
    "reactionMessage": _reaction,
    "protocolMessage": _protocol,
}
