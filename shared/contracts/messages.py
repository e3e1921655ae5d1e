"""Messages in our own words: what is to be sent, and what was received. Nothing here knows a library."""

from enum import StrEnum

import msgspec


class FileKind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Its fields are named where one is made, for most of them are strings; each kind has to say so anew."""


class MessageKey(Record, frozen=True, kw_only=True):
    """Which message: senders choose the ids, so the sender belongs to it; empty when it was ourselves."""

    whatsapp_id: str
    sender: str = ""


class Quoted(MessageKey, frozen=True, kw_only=True):
    """What a reply answers; `text` is what the reader sees of it."""

    text: str = ""


# ---- content that goes both ways ----


class Text(Record, frozen=True, kw_only=True, tag="text"):
    text: str


class Location(Record, frozen=True, kw_only=True, tag="location"):
    latitude: float
    longitude: float
    name: str = ""
    address: str = ""
    live: bool = False


class ContactCard(Record, frozen=True, kw_only=True):
    name: str
    vcard: str


class Contacts(Record, frozen=True, kw_only=True, tag="contacts"):
    cards: tuple[ContactCard, ...]


class Poll(Record, frozen=True, kw_only=True, tag="poll"):
    """`selectable` 0: any number of the options."""

    question: str
    options: tuple[str, ...]
    selectable: int = 1


class Reaction(Record, frozen=True, kw_only=True, tag="reaction"):
    """Without an emoji it takes the earlier one back."""

    target: MessageKey
    emoji: str


class Edit(Record, frozen=True, kw_only=True, tag="edit"):
    """Of a message of one's own: text, or the caption of a file."""

    target: MessageKey
    text: str


class Revoke(Record, frozen=True, kw_only=True, tag="revoke"):
    """Deletes for everyone; in a group, an admin may do so to others' messages."""

    target: MessageKey


class PollVote(Record, frozen=True, kw_only=True, tag="poll_vote"):
    """A received one tells the SHA-256 of the options: who knows the poll knows which they are.

    One that is to be sent needs their `options` as the poll names them; none take the vote back.
    """

    poll: MessageKey
    chosen: tuple[bytes, ...] = ()
    options: tuple[str, ...] = ()


# ---- files ----


class FileFacts(Record, frozen=True, kw_only=True):
    """What readers are told of a file before they fetch it."""

    kind: FileKind
    mimetype: str
    size: int
    file_name: str = ""
    caption: str = ""
    seconds: int = 0
    width: int = 0
    height: int = 0
    # Of a voice note: 64 loudnesses from 0 to 100.
    waveform: bytes = b""
    # A small JPEG.
    thumbnail: bytes = b""
    animated: bool = False
    # A video that plays by itself, without sound, again and again.
    gif: bool = False
    # A round video.
    note: bool = False
    view_once: bool = False


class OutgoingFile(FileFacts, frozen=True, kw_only=True, tag="file"):
    """Prepared: of the right type, within the limits, at `path` on the machine that sends it."""

    path: str


class StoredFile(Record, frozen=True, kw_only=True, tag="stored_file"):
    """To be sent, as it was handed in: it lies where the worker reads it too, which makes it fit."""

    kind: FileKind
    key: str
    size: int
    sha256: bytes
    # As its sender calls it; the content decides.
    mimetype: str = ""
    file_name: str = ""
    caption: str = ""
    gif: bool = False
    note: bool = False
    view_once: bool = False
    convert: bool = True


class FileTicket(Record, frozen=True, kw_only=True):
    """With it the file can be fetched from the network, as long as the network keeps it, and opened."""

    kind: FileKind
    direct_path: str
    media_key: bytes
    sha256: bytes
    sealed_sha256: bytes
    size: int


class ReceivedFile(FileFacts, frozen=True, kw_only=True, tag="received_file"):
    ticket: FileTicket


class Unknown(Record, frozen=True, kw_only=True, tag="unknown"):
    """A kind that we do not read; its name is the library's."""

    name: str


OutgoingContent = Text | OutgoingFile | Location | Contacts | Poll | Reaction | Edit | Revoke | PollVote
ReceivedContent = (
    Text | ReceivedFile | Location | Contacts | Poll | Reaction | Edit | Revoke | PollVote | Unknown
)


# What can travel to the worker: without a path, which would name one of the worker's own files.
PlainContent = Text | StoredFile | Location | Contacts | Poll | Reaction | Edit | Revoke | PollVote


class OutgoingMessage(Record, frozen=True, kw_only=True):
    content: OutgoingContent
    reply_to: Quoted | None = None
    # Addresses of people; the text names each as @ and the user part of the address.
    mentions: tuple[str, ...] = ()
    forwarded: bool = False


class ReceivedMessage(Record, frozen=True, kw_only=True):
    """`sender_phone` and `sender_lid` as far as the network told them.

    `chat_phone` and `chat_lid` are the names of the other person in a chat of two, whoever wrote the message.
    `ack` tells how far one of the account's own had come already: 1 sent, 2 delivered, 3 read, 4 played.
    """

    whatsapp_id: str
    chat: str
    sender: str
    timestamp: int
    content: ReceivedContent
    chat_phone: str = ""
    chat_lid: str = ""
    sender_phone: str = ""
    sender_lid: str = ""
    from_me: bool = False
    ack: int = 0
    push_name: str = ""
    reply_to: Quoted | None = None
    mentions: tuple[str, ...] = ()
    forwarded: bool = False
    ephemeral: bool = False


class Sent(Record, frozen=True, kw_only=True):
    """`phone` and `lid` are the recipient's, as far as the network told them for this message."""

    whatsapp_id: str
    timestamp: int
    phone: str = ""
    lid: str = ""
