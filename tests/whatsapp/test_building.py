"""What we write is what we read: for every content that both sides know, in persons' chats and in groups."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import msgpack

from shared.contracts.messages import (
    ContactCard,
    Contacts,
    Edit,
    FileFacts,
    FileKind,
    Location,
    MessageKey,
    OutgoingContent,
    OutgoingFile,
    OutgoingMessage,
    Poll,
    PollVote,
    Quoted,
    Reaction,
    ReceivedFile,
    ReceivedMessage,
    Revoke,
    Text,
)
from worker.whatsapp import library
from worker.whatsapp.account import Account
from worker.whatsapp.incoming.envelope import Envelope
from worker.whatsapp.incoming.messages import read_message
from worker.whatsapp.jids import is_group
from worker.whatsapp.outgoing.building import build

OWN = Account(device_jid="491511:1@s.whatsapp.net", number="491511@s.whatsapp.net", lid="777@lid")
CHATS = ("888@lid", "4917@s.whatsapp.net", "120363001122334455@g.us")
DATA = b"the very bytes of the file"


class Desk:
    """In the place of the library: it hands nothing over, and seals nothing."""

    async def upload(self, data: bytes, kind: FileKind) -> Any:
        assert data == DATA
        return SimpleNamespace(
            url="https://mmg.whatsapp.net/v/1?x=1",
            DirectPath="/v/1?x=1",
            MediaKey=b"k" * 32,
            FileSHA256=hashlib.sha256(data).digest(),
            FileEncSHA256=b"e" * 32,
            FileLength=len(data),
        )

    async def seal_vote(self, content: PollVote, chat: str) -> Any:
        raise AssertionError("no vote is cast here")


async def there_and_back(message: OutgoingMessage, chat: str) -> ReceivedMessage:
    """As another device of the same account reads it, after all that packing does to it."""
    built = await build(message, chat, OWN, Desk())
    packed = library.Message.FromString(built.SerializeToString())
    envelope = Envelope(
        account=OWN, whatsapp_id="3EB0", chat=chat, sender=OWN.address_in(chat), timestamp=1, from_me=True
    )
    read = read_message(packed, envelope)
    assert read is not None
    return read


def texts(longest: int) -> st.SearchStrategy[str]:
    # A zero is replaced where it is read: no database takes it.
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=longest)


def shown(longest: int) -> st.SearchStrategy[str]:
    return texts(longest).filter(lambda text: bool(text.strip()))


words = shown(200)
ids = st.text(st.sampled_from("0123456789ABCDEF"), min_size=1, max_size=32)
people = st.from_regex(r"[1-9][0-9]{5,14}@(lid|s\.whatsapp\.net)", fullmatch=True)
chats = st.sampled_from(CHATS)


@st.composite
def targets(draw: st.DrawFn, chat: str, *, own: bool = False) -> MessageKey:
    others = people if is_group(chat) else st.just(chat)
    return MessageKey(whatsapp_id=draw(ids), sender="" if own else draw(st.just("") | others))


cards = st.builds(
    ContactCard,
    name=words,
    vcard=texts(200).map(lambda text: f"BEGIN:VCARD\nFN:{text}\nEND:VCARD"),
)
options = st.lists(shown(50), min_size=2, max_size=12, unique=True)


@st.composite
def polls(draw: st.DrawFn) -> Poll:
    drawn = tuple(draw(options))
    return Poll(question=draw(words), options=drawn, selectable=draw(st.integers(0, len(drawn))))


@st.composite
def places(draw: st.DrawFn) -> Location:
    live = draw(st.booleans())
    return Location(
        latitude=draw(st.floats(-90, 90)),
        longitude=draw(st.floats(-180, 180)),
        name=draw(texts(100)),
        address="" if live else draw(texts(100)),
        live=live,
    )


@st.composite
def contents(draw: st.DrawFn, chat: str) -> OutgoingContent:
    return draw(
        st.builds(Text, text=words)
        | places()
        | st.builds(Contacts, cards=st.lists(cards, min_size=1, max_size=5).map(tuple))
        | polls()
        | st.builds(Reaction, target=targets(chat), emoji=texts(8))
        | st.builds(Edit, target=targets(chat, own=True), text=words)
        | st.builds(Revoke, target=targets(chat, own=True))
    )


@st.composite
def contexts(draw: st.DrawFn) -> dict[str, Any]:
    quoted = st.builds(Quoted, whatsapp_id=ids, sender=st.just("") | people, text=texts(100))
    return {
        "reply_to": draw(st.none() | quoted),
        "mentions": tuple(draw(st.lists(people, max_size=5))),
        "forwarded": draw(st.booleans()),
    }


@given(data=st.data(), chat=chats)
async def test_a_content_is_read_as_it_was_written(data: st.DataObject, chat: str):
    content = data.draw(contents(chat))
    assert (await there_and_back(OutgoingMessage(content=content), chat)).content == content


@given(context=contexts(), chat=chats, data=st.data())
async def test_a_context_is_read_as_it_was_written(context: dict[str, Any], chat: str, data: st.DataObject):
    content = data.draw(st.builds(Text, text=words) | places() | polls())
    read = await there_and_back(OutgoingMessage(content=content, **context), chat)
    assert read.content == content
    assert (read.reply_to, read.mentions, read.forwarded) == tuple(context.values())


@st.composite
def files(draw: st.DrawFn, path: str) -> OutgoingFile:
    kind = draw(st.sampled_from(FileKind))
    facts: dict[str, Any] = {"seconds": 0, "width": 0, "height": 0}
    sizes = st.integers(0, 2**31 - 1)
    if kind in {FileKind.VIDEO, FileKind.AUDIO, FileKind.VOICE}:
        facts["seconds"] = draw(sizes)
    if kind in {FileKind.VIDEO, FileKind.IMAGE, FileKind.STICKER}:
        facts |= {"width": draw(sizes), "height": draw(sizes)}
    if kind in {FileKind.AUDIO, FileKind.VOICE}:
        facts["waveform"] = bytes(draw(st.lists(st.integers(0, 100), max_size=64)))
    if kind in {FileKind.IMAGE, FileKind.VIDEO, FileKind.DOCUMENT}:
        facts["thumbnail"] = draw(st.binary(max_size=100))
    if kind is FileKind.VIDEO:
        facts |= {"gif": draw(st.booleans()), "note": draw(st.booleans())}
    if kind is FileKind.DOCUMENT:
        facts["file_name"] = draw(texts(50).filter(lambda text: all(ord(letter) > 31 for letter in text)))
    if kind in {FileKind.IMAGE, FileKind.VIDEO, FileKind.DOCUMENT} and not facts.get("note"):
        facts["caption"] = draw(texts(100))
    if kind is FileKind.STICKER:
        facts["animated"] = draw(st.booleans())
    if kind not in {FileKind.DOCUMENT, FileKind.STICKER}:
        facts["view_once"] = draw(st.booleans())
    return OutgoingFile(kind=kind, mimetype="image/jpeg", size=len(DATA), path=path, **facts)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("files") / "prepared"
    written.write_bytes(DATA)
    return written


@given(data=st.data(), context=contexts(), chat=chats)
async def test_a_file_is_read_as_it_was_written(
    path: Path, data: st.DataObject, context: dict[str, Any], chat: str
):
    content = data.draw(files(str(path)))
    read = await there_and_back(OutgoingMessage(content=content, **context), chat)
    assert isinstance(read.content, ReceivedFile)
    facts = FileFacts.__struct_fields__
    assert {name: getattr(read.content, name) for name in facts} == {
        name: getattr(content, name) for name in facts
    }
    assert read.content.ticket.sha256 == hashlib.sha256(DATA).digest()
    assert (read.reply_to, read.mentions, read.forwarded) == tuple(context.values())


def read_by_a_neighbour(packed: bytes, chat: str) -> None:
    """Whatever comes of it can go on to the agent, and means the same there."""
    try:
        message = library.Message.FromString(packed)
    except Exception:  # what is no protobuf never gets as far as this
        return
    envelope = Envelope(account=OWN, whatsapp_id="3A", chat=chat, sender="888@lid", timestamp=1)
    read = read_message(message, envelope)
    if read is not None:
        assert msgpack.decode(msgpack.encode(read), type=ReceivedMessage) == read


@given(packed=st.binary(max_size=400), chat=chats)
def test_whatever_a_stranger_packs_is_read_or_passed_over(packed: bytes, chat: str):
    read_by_a_neighbour(packed, chat)


@given(data=st.data(), chat=chats)
async def test_a_changed_message_is_read_or_passed_over(data: st.DataObject, chat: str):
    built = await build(OutgoingMessage(content=data.draw(contents(chat))), chat, OWN, Desk())
    packed = bytearray(built.SerializeToString())
    for _ in range(data.draw(st.integers(1, 5))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    read_by_a_neighbour(bytes(packed), chat)
