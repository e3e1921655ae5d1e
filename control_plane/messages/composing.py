"""From what people ask to what a client sends: whom it names, what it answers, every word of it checked."""

import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.errors import AppError, Code
from control_plane.messages.bodies import (
    AnyMessage,
    ContactBody,
    SendContact,
    SendLocation,
    SendPoll,
    SendReaction,
    SendText,
)
from control_plane.messages.chat_ids import parse_chat_id, phone_of
from control_plane.messages.contacts.repository import ContactRepository
from control_plane.messages.files.forwarded import WITH_FILES
from control_plane.messages.models import Message
from control_plane.messages.repository import MessageRepository
from shared.contracts.messages import (
    ContactCard,
    Contacts,
    Edit,
    Location,
    MessageKey,
    PlainContent,
    Poll,
    Quoted,
    Reaction,
    Revoke,
    StoredFile,
    Text,
)
from shared.ids import parse_public_id

_QUOTED_CHARACTERS = 1_000
_WITH_TEXT = frozenset({"text", "image", "video", "document"})
_FORWARDED: Mapping[str, type[PlainContent]] = {
    "text": Text,
    "location": Location,
    "contact": Contacts,
    "poll": Poll,
}


Reads = Callable[[], AbstractAsyncContextManager[AsyncSession]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What goes out, and where to."""

    chat: str
    content: PlainContent
    reply_to: Quoted | None = None
    mentions: tuple[str, ...] = ()
    forwarded: bool = False

    @property
    def kind(self) -> str:
        if isinstance(self.content, StoredFile):
            return self.content.kind.value
        tag = str(self.content.__struct_config__.tag)
        return "contact" if tag == "contacts" else tag

    @property
    def text(self) -> str | None:
        if isinstance(self.content, StoredFile):
            return self.content.caption or None
        return getattr(self.content, "text", None)


class Composer:
    """Of one session's messages; `reads` opens a transaction of its tenant for what names another message."""

    def __init__(self, reads: Reads, session_id: uuid.UUID) -> None:
        self._reads = reads
        self._session_id = session_id

    async def compose(self, body: AnyMessage, file: StoredFile | None = None) -> Composed:
        """`file` is the one of the body, as it lies in the storage."""
        chat = parse_chat_id(body.to)
        if isinstance(body, SendReaction):
            target = await self._named(body.reaction.message_id, chat, "/reaction/messageId")
            return react(target, body.reaction.emoji)
        quoted = None
        if body.reply_to is not None:
            quoted = _quoted(await self._named(body.reply_to, chat, "/replyTo"))
        return Composed(
            chat=chat,
            content=file or _content(body),
            reply_to=quoted,
            mentions=tuple(_mentioned(name, number) for number, name in enumerate(body.mentions)),
        )

    async def _named(self, reference: str, chat: str, pointer: str) -> Message:
        async with self._reads() as db:
            found = await MessageRepository(db).of_session(
                self._session_id, reference, parse_public_id("msg", reference)
            )
            known = found is not None and found.whatsapp_message_id is not None
            if found is None or not known or not await self._same_chat(db, found, chat):
                raise _invalid(pointer, "names no message of this chat", "The message is not in this chat.")
            return found

    async def _same_chat(self, db: AsyncSession, message: Message, chat: str) -> bool:
        """Somebody's chat is known by their number as well as by the name that hides it."""
        if message.chat_id == chat:
            return True
        contact = await ContactRepository(db).of_chat(self._session_id, chat)
        return contact is not None and message.contact_id == contact.id


def react(target: Message, emoji: str) -> Composed:
    return Composed(chat=target.chat_id, content=Reaction(target=key_of(target), emoji=emoji))


def edit(about: Message, text: str) -> Composed:
    if about.direction != "outbound" or about.type not in _WITH_TEXT:
        raise AppError(
            Code.MESSAGE_NOT_CHANGEABLE, "Only texts and captions that this account sent can change."
        )
    return Composed(chat=about.chat_id, content=Edit(target=key_of(about), text=text))


def revoke(about: Message) -> Composed:
    if about.direction != "outbound" and not about.chat_id.endswith("@g.us"):
        raise AppError(
            Code.MESSAGE_NOT_CHANGEABLE,
            "Only messages that this account sent can be deleted for everyone, and those of its own groups.",
        )
    return Composed(chat=about.chat_id, content=Revoke(target=key_of(about)))


def forward(about: Message, to: str, file: StoredFile | None = None) -> Composed:
    """`file` is a copy of the message's own."""
    chat = parse_chat_id(to)
    if file is not None:
        return Composed(chat=chat, content=file, forwarded=True)
    if about.type in WITH_FILES:
        words = "Its file is not kept, or was to be seen once only, so it cannot be forwarded."
        raise AppError(Code.MESSAGE_NOT_CHANGEABLE, words)
    kind = _FORWARDED.get(about.type)
    if kind is None or about.revoked_at is not None:
        raise AppError(
            Code.MESSAGE_NOT_CHANGEABLE, f"A message of the type {about.type} cannot be forwarded."
        )
    content: PlainContent = msgspec.convert({**about.content, "type": kind.__struct_config__.tag}, kind)
    return Composed(chat=chat, content=content, forwarded=True)


def key_of(message: Message) -> MessageKey:
    """Our own have no sender there."""
    sender = "" if message.direction == "outbound" else message.sender
    return MessageKey(whatsapp_id=message.whatsapp_message_id or "", sender=sender)


def _quoted(message: Message) -> Quoted:
    key = key_of(message)
    return Quoted(
        whatsapp_id=key.whatsapp_id, sender=key.sender, text=(message.text or "")[:_QUOTED_CHARACTERS]
    )


def _mentioned(name: str, number: int) -> str:
    address = parse_chat_id(name, f"/mentions/{number}")
    if address.endswith("@g.us"):
        raise _invalid(f"/mentions/{number}", "is a group", "Only people can be mentioned.")
    return address


def _content(body: AnyMessage) -> PlainContent:
    make = _CONTENTS.get(type(body))
    if make is None:
        raise _invalid("/type", "has a file", "Files are sent one by one, with POST /v1/messages.")
    return make(body)


def _location(body: SendLocation) -> Location:
    place = body.location
    return Location(
        latitude=place.latitude, longitude=place.longitude, name=place.name, address=place.address
    )


def _contacts(body: SendContact) -> Contacts:
    given = [("/contact", body.contact)] if body.contact is not None else []
    given += [(f"/contacts/{number}", contact) for number, contact in enumerate(body.contacts)]
    if not given:
        raise _invalid("/contact", "is missing", "Give a contact, or a list of contacts.")
    return Contacts(cards=tuple(contact_card(contact, pointer) for pointer, contact in given))


def contact_card(contact: ContactBody, pointer: str) -> ContactCard:
    if contact.vcard is not None:
        if not contact.vcard.lstrip().upper().startswith("BEGIN:VCARD"):
            raise _invalid(f"{pointer}/vcard", "is no vCard", "A vCard begins with BEGIN:VCARD.")
        return ContactCard(name=contact.name, vcard=contact.vcard)
    if contact.phone is None:
        raise _invalid(f"{pointer}/phone", "is missing", "A contact needs a phone or a whole vcard.")
    number = phone_of(parse_chat_id(contact.phone, f"{pointer}/phone"))
    if number is None:
        raise _invalid(f"{pointer}/phone", "is no phone number", "A contact needs a phone number.")
    return ContactCard(name=contact.name, vcard=_vcard(contact.name, number))


def _vcard(name: str, number: str) -> str:
    escaped = name
    for sign, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r", ""), ("\n", "\\n")):
        escaped = escaped.replace(sign, written)
    lines = (
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"N:;{escaped};;;",
        f"FN:{escaped}",
        f"TEL;type=CELL;waid={number.lstrip('+')}:{number}",
        "END:VCARD",
    )
    return "\n".join(lines)


def _poll(body: SendPoll) -> Poll:
    poll = body.poll
    if len(set(poll.options)) != len(poll.options):
        raise _invalid("/poll/options", "are not all different", "Each option may stand in a poll once.")
    if poll.selectable > len(poll.options):
        raise _invalid("/poll/selectable", "is more than there are options", "Choose fewer, or 0 for any.")
    return Poll(question=poll.question, options=tuple(poll.options), selectable=poll.selectable)


_CONTENTS: Mapping[type, Callable[[Any], PlainContent]] = {
    SendText: lambda body: Text(text=body.text),
    SendLocation: _location,
    SendContact: _contacts,
    SendPoll: _poll,
}


def _invalid(pointer: str, short: str, words: str) -> AppError:
    return AppError(Code.VALIDATION_FAILED, words, errors=[{"pointer": pointer, "detail": short}])
