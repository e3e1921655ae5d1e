"""What callers may have a phone send: a form for each kind of message, and the message that it makes."""

from typing import Annotated

import msgspec

from worker.sandbox import message_kinds
from worker.sandbox.control.bodies import Body, MessageId, Number
from worker.sandbox.control.file_forms import (
    AudioForm,
    DocumentForm,
    GifForm,
    ImageForm,
    StickerForm,
    VideoForm,
    VideoNoteForm,
    VoiceForm,
)
from worker.sandbox.control.subjects import received
from worker.sandbox.control.writing import Desk, Form, Line, Seconds
from worker.sandbox.groups import Group
from worker.sandbox.message_kinds import Outgoing

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]


class Preview(Body, frozen=True, kw_only=True):
    """Of a page that the text names."""

    url: Line
    title: Line
    description: Line = ""


class TextForm(Form, frozen=True, kw_only=True, tag="text"):
    text: Words
    reply_to: MessageId | None = None
    preview: Preview | None = None

    def outgoing(self, desk: Desk) -> Outgoing:
        if self.preview is not None:
            page = self.preview
            return message_kinds.link(self.text, page.url, page.title, page.description)
        if self.reply_to is None:
            return message_kinds.text(self.text)
        quoted = received(desk.phone, self.reply_to)
        return message_kinds.reply(self.text, quoted, desk.address_of(quoted.sender.number))


class LocationForm(Form, frozen=True, kw_only=True, tag="location"):
    latitude: Latitude
    longitude: Longitude
    name: Line = ""

    def outgoing(self, _: Desk) -> Outgoing:
        return message_kinds.location(self.latitude, self.longitude, self.name)


class LiveLocationForm(Form, frozen=True, kw_only=True, tag="live_location"):
    latitude: Latitude
    longitude: Longitude
    caption: Line = ""

    def outgoing(self, _: Desk) -> Outgoing:
        return message_kinds.live_location(self.latitude, self.longitude, self.caption)


class ContactForm(Form, frozen=True, kw_only=True, tag="contact"):
    name: Line
    number: Number

    def outgoing(self, _: Desk) -> Outgoing:
        return message_kinds.contact(self.name, self.number)


class Person(Body, frozen=True, kw_only=True):
    name: Line
    number: Number


class ContactsForm(Form, frozen=True, kw_only=True, tag="contacts"):
    people: Annotated[list[Person], msgspec.Meta(min_length=1, max_length=100)]

    def outgoing(self, _: Desk) -> Outgoing:
        return message_kinds.contacts(*((person.name, person.number) for person in self.people))


class PollForm(Form, frozen=True, kw_only=True, tag="poll"):
    """`selectable` 0: any number of the options."""

    question: Words
    options: Annotated[list[Line], msgspec.Meta(min_length=2, max_length=12)]
    selectable: Annotated[int, msgspec.Meta(ge=0, le=12)] = 1

    def outgoing(self, desk: Desk) -> Outgoing:
        secret = desk.network.chance.draw(32)
        return message_kinds.poll(self.question, *self.options, choices=self.selectable, secret=secret)


class ReactionForm(Form, frozen=True, kw_only=True, tag="reaction"):
    """An empty emoji takes the reaction back."""

    target: MessageId
    emoji: Annotated[str, msgspec.Meta(max_length=32)]

    def outgoing(self, desk: Desk) -> Outgoing:
        author = desk.author_of(self.target)
        reaction = message_kinds.reaction(
            self.emoji, desk.address, self.target, from_me=author == desk.phone.number
        )
        if isinstance(desk.chat, Group):
            reaction.content.reactionMessage.key.participant = desk.address_of(author)
        return reaction


class EditForm(Form, frozen=True, kw_only=True, tag="edit"):
    target: MessageId
    text: Words

    def outgoing(self, desk: Desk) -> Outgoing:
        return message_kinds.edit(self.text, desk.address, self.target)


class RevokeForm(Form, frozen=True, kw_only=True, tag="revoke"):
    """Of a message of one's own; an admin of a group takes away those of others too."""

    target: MessageId

    def outgoing(self, desk: Desk) -> Outgoing:
        author = desk.author_of(self.target)
        other = "" if author == desk.phone.number else desk.address_of(author)
        return message_kinds.revoke(desk.address, self.target, other)


class PinForm(Form, frozen=True, kw_only=True, tag="pin"):
    """No seconds take it down again."""

    target: MessageId
    seconds: Seconds = 86_400

    def outgoing(self, desk: Desk) -> Outgoing:
        own = desk.author_of(self.target) == desk.phone.number
        return message_kinds.pin(desk.address, self.target, from_me=own, seconds=self.seconds)


class VoteForm(Form, frozen=True, kw_only=True, tag="poll_vote"):
    """In a poll that the phone has received; no option takes the vote back."""

    target: MessageId
    options: Annotated[list[Line], msgspec.Meta(max_length=12)]


class UnreadableForm(Form, frozen=True, kw_only=True, tag="unreadable"):
    """Broken on its way; who asks for it again gets it whole, or no answer ever."""

    text: Words = "unreadable"
    sent_again: bool = False


class WithheldForm(Form, frozen=True, kw_only=True, tag="withheld"):
    """Only phones get it, such as a picture for one look; companions learn that there is one."""


AnyForm = (
    TextForm
    | LocationForm
    | LiveLocationForm
    | ContactForm
    | ContactsForm
    | PollForm
    | ReactionForm
    | EditForm
    | RevokeForm
    | PinForm
    | VoteForm
    | UnreadableForm
    | WithheldForm
    | ImageForm
    | VideoForm
    | GifForm
    | VideoNoteForm
    | StickerForm
    | DocumentForm
    | AudioForm
    | VoiceForm
)
