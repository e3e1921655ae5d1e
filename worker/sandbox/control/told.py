"""What a message says, in plain JSON: its type and the fields of that type."""

from collections.abc import Callable
from functools import partial
from typing import Any

from worker.sandbox.message_forms import innermost
from worker.sandbox.network import Network

Told = dict[str, object]

_REVOKE, _EDIT = 0, 14
_PIN = 1


def tell(network: Network, message: Any) -> Told:
    content = innermost(message)
    if content.HasField("editedMessage"):
        content = content.editedMessage.message
    if content.conversation:
        return {"type": "text", "text": content.conversation}
    for name, teller in _TELLERS.items():
        if content.HasField(name):
            part = getattr(content, name)
            return teller(part) | _context(network, part)
    return {"type": "unknown", "name": next((field.name for field, _ in content.ListFields()), "")}


def _text(part: Any) -> Told:
    told: Told = {"type": "text", "text": part.text}
    if part.matchedText:
        told["preview"] = {"url": part.matchedText, "title": part.title, "description": part.description}
    return told


def _file(kind: str, part: Any) -> Told:
    file = {"mimetype": part.mimetype, "size": part.fileLength, "sha256": part.fileSHA256.hex()}
    fields = {"caption": "caption", "fileName": "fileName", "seconds": "seconds", "viewOnce": "viewOnce"}
    known = part.DESCRIPTOR.fields_by_name
    said = {ours: getattr(part, theirs) for ours, theirs in fields.items() if theirs in known}
    return {"type": kind, "file": file} | {name: value for name, value in said.items() if value}


def _video(part: Any) -> Told:
    return _file("gif" if part.gifPlayback else "video", part)


def _audio(part: Any) -> Told:
    return _file("voice" if part.PTT else "audio", part)


def _location(kind: str, part: Any) -> Told:
    place: Told = {"type": kind, "latitude": part.degreesLatitude, "longitude": part.degreesLongitude}
    known = part.DESCRIPTOR.fields_by_name
    said = {name: getattr(part, name) for name in ("name", "address", "caption") if name in known}
    return place | {name: value for name, value in said.items() if value}


def _contact(part: Any) -> Told:
    return {"type": "contact", "name": part.displayName, "vcard": part.vcard}


def _contacts(part: Any) -> Told:
    people = [{"name": contact.displayName, "vcard": contact.vcard} for contact in part.contacts]
    return {"type": "contacts", "people": people}


def _poll(part: Any) -> Told:
    options = [option.optionName for option in part.options]
    told = {"question": part.name, "options": options, "selectable": part.selectableOptionsCount}
    return {"type": "poll", **told}


def _vote(part: Any) -> Told:
    return {"type": "poll_vote", "target": part.pollCreationMessageKey.ID}


def _reaction(part: Any) -> Told:
    return {"type": "reaction", "target": part.key.ID, "emoji": part.text}


def _pin(part: Any) -> Told:
    return {"type": "pin", "target": part.key.ID, "pinned": part.type == _PIN}


def _protocol(part: Any) -> Told:
    if part.type == _EDIT:
        edited = part.editedMessage
        caption = next((getattr(edited, name).caption for name in _CAPTIONED if edited.HasField(name)), "")
        text = edited.conversation or edited.extendedTextMessage.text or caption
        return {"type": "edit", "target": part.key.ID, "text": text}
    if part.type == _REVOKE and part.HasField("key"):
        return {"type": "revoke", "target": part.key.ID}
    return {"type": "unknown", "name": "protocolMessage"}


def _context(network: Network, part: Any) -> Told:
    """What the message has to do with others: all kinds that can answer, mention and be forwarded."""
    if "contextInfo" not in part.DESCRIPTOR.fields_by_name:
        return {}
    context = part.contextInfo
    people = [network.accounts.find_text(address) for address in context.mentionedJID]
    told: Told = {
        "replyTo": context.stanzaID,
        "mentions": [person.number for person in people if person],
        "forwarded": context.isForwarded,
        "disappearsAfter": context.expiration,
    }
    return {name: value for name, value in told.items() if value}


_CAPTIONED = ("imageMessage", "videoMessage", "documentMessage")
_TELLERS: dict[str, Callable[[Any], Told]] = {
    "extendedTextMessage": _text,
    "imageMessage": partial(_file, "image"),
    "videoMessage": _video,
    "ptvMessage": partial(_file, "video_note"),
    "audioMessage": _audio,
    "documentMessage": partial(_file, "document"),
    "stickerMessage": partial(_file, "sticker"),
    "locationMessage": partial(_location, "location"),
    "liveLocationMessage": partial(_location, "live_location"),
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "pollUpdateMessage": _vote,
    "reactionMessage": _reaction,
    "pinInChatMessage": _pin,
    "protocolMessage": _protocol,
}
