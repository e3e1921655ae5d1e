"""Files both ways: byte for byte, with all that is told of them, and never where they should not go."""

import asyncio
import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from shared.contracts.messages import FileKind, FileTicket, OutgoingFile, Quoted, ReceivedFile, Unknown
from tests.whatsapp.pair import Pair
from tests.whatsapp.test_sending import read
from worker.engines.words import Answer, Fetch
from worker.sandbox import message_forms
from worker.sandbox.library import Message
from worker.sandbox.message_kinds import Outgoing
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

DATA = os.urandom(100_001)
THUMBNAIL = b"\xff\xd8 a small picture"


def prepared(folder: Path, kind: FileKind, data: bytes = DATA, **details: Any) -> OutgoingFile:
    path = folder / "prepared"
    path.write_bytes(data)
    facts = {"mimetype": "application/octet-stream", "size": len(data), "path": str(path), **details}
    return OutgoingFile(kind=kind, **facts)


async def fetch(paired: Pair, ticket: FileTicket, path: Path | str) -> Answer:
    return await paired.engine.ask(Fetch, paired.session, ticket=ticket, path=str(path))


SENT: list[tuple[FileKind, str, dict[str, Any], dict[str, Any]]] = [
    (
        FileKind.IMAGE,
        "imageMessage",
        {"mimetype": "image/jpeg", "caption": "a view", "width": 800, "height": 600, "thumbnail": THUMBNAIL},
        {
            "mimetype": "image/jpeg",
            "caption": "a view",
            "width": 800,
            "height": 600,
            "JPEGThumbnail": THUMBNAIL,
        },
    ),
    (
        FileKind.VIDEO,
        "videoMessage",
        {"mimetype": "video/mp4", "caption": "moving", "seconds": 7, "width": 320, "height": 200},
        {"mimetype": "video/mp4", "caption": "moving", "seconds": 7, "width": 320, "height": 200},
    ),
    (
        FileKind.VIDEO,
        "videoMessage",
        {"mimetype": "video/mp4", "gif": True},
        {"gifPlayback": True},
    ),
    (
        FileKind.VIDEO,
        "ptvMessage",
        {"mimetype": "video/mp4", "note": True, "seconds": 9, "thumbnail": THUMBNAIL},
        {"seconds": 9, "JPEGThumbnail": THUMBNAIL},
    ),
    (
        FileKind.AUDIO,
        "audioMessage",
        {"mimetype": "audio/mpeg", "seconds": 60},
        {"mimetype": "audio/mpeg", "seconds": 60, "PTT": False},
    ),
    (
        FileKind.VOICE,
        "audioMessage",
        {"mimetype": "audio/ogg; codecs=opus", "seconds": 3, "waveform": bytes(range(64))},
        {"mimetype": "audio/ogg; codecs=opus", "seconds": 3, "waveform": bytes(range(64)), "PTT": True},
    ),
    (
        FileKind.DOCUMENT,
        "documentMessage",
        {"mimetype": "application/pdf", "file_name": "Größe.pdf"},
        {"mimetype": "application/pdf", "fileName": "Größe.pdf", "title": "Größe.pdf"},
    ),
    (
        FileKind.STICKER,
        "stickerMessage",
        {"mimetype": "image/webp", "width": 512, "height": 512, "animated": True},
        {"mimetype": "image/webp", "width": 512, "height": 512, "isAnimated": True},
    ),
]


@pytest.mark.parametrize(("kind", "field", "details", "told"), SENT, ids=[row[1] for row in SENT])
async def test_a_file_that_we_send_arrives(
    paired: Pair,
    ben: Phone,
    tmp_path: Path,
    kind: FileKind,
    field: str,
    details: dict[str, Any],
    told: dict[str, Any],
):
    await paired.send(ben, prepared(tmp_path, kind, **details))
    received = await read(ben)
    assert ben.read_file(received) == DATA
    part = getattr(received.content, field)
    assert {name: getattr(part, name) for name in told} == told
    assert (part.fileLength, part.fileSHA256) == (len(DATA), hashlib.sha256(DATA).digest())
    assert part.mediaKeyTimestamp > 1_700_000_000


async def test_a_document_with_a_caption_goes_out_as_the_phones_send_it(
    paired: Pair, ben: Phone, tmp_path: Path
):
    content = prepared(tmp_path, FileKind.DOCUMENT, caption="please sign", file_name="contract.pdf")
    await paired.send(ben, content)
    document = (await read(ben)).content.documentWithCaptionMessage.message.documentMessage
    assert (document.caption, document.fileName) == ("please sign", "contract.pdf")


@pytest.mark.parametrize(
    ("kind", "wrapper", "field"),
    [
        (FileKind.IMAGE, "viewOnceMessageV2", "imageMessage"),
        (FileKind.VOICE, "viewOnceMessageV2Extension", "audioMessage"),
    ],
)
async def test_a_file_for_one_look(
    paired: Pair, ben: Phone, tmp_path: Path, kind: FileKind, wrapper: str, field: str
):
    await paired.send(ben, prepared(tmp_path, kind, view_once=True))
    received = await read(ben)
    assert getattr(getattr(received.content, wrapper).message, field).viewOnce is True
    assert ben.read_file(received) == DATA


async def test_a_file_can_be_an_answer(paired: Pair, ben: Phone, tmp_path: Path):
    quoted = Quoted(whatsapp_id="3A00", sender=f"{ben.account.lid}@lid", text="show me")
    for content in (
        prepared(tmp_path, FileKind.IMAGE),
        prepared(tmp_path, FileKind.DOCUMENT, caption="here"),
        prepared(tmp_path, FileKind.IMAGE, view_once=True),
    ):
        await paired.send(ben, content, reply_to=quoted, forwarded=True)
        told = (await read(ben)).content
        for wrapper in ("documentWithCaptionMessage", "viewOnceMessageV2"):
            told = getattr(told, wrapper).message if told.HasField(wrapper) else told
        context = (told.imageMessage if told.HasField("imageMessage") else told.documentMessage).contextInfo
        assert (context.stanzaID, context.isForwarded) == ("3A00", True)


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"size": 5}, "bytes"),
        ({"path": "relative"}, "absolute"),
        ({"path": "/nowhere/to/be/found"}, "cannot be read"),
        ({"path": "/dev/zero"}, "no plain file"),
        ({"mimetype": "no type"}, "image/jpeg"),
        ({"waveform": b"x" * 65}, "waveform"),
        ({"waveform": b"\xff"}, "waveform"),
        ({"thumbnail": b"x" * 65_537}, "thumbnail"),
        ({"kind": FileKind.VOICE, "caption": "x"}, "caption"),
        ({"kind": FileKind.STICKER, "view_once": True}, "one look"),
        ({"gif": True}, "only a video"),
        ({"seconds": 2**31}, "out of range"),
        ({"width": -1}, "out of range"),
        ({"file_name": "two\nlines"}, "one line"),
        ({"caption": "x" * 65_537}, "caption"),
    ],
)
async def test_a_file_that_cannot_be_sent_is_refused(
    paired: Pair, ben: Phone, tmp_path: Path, details: dict[str, Any], words: str
):
    content = prepared(tmp_path, details.pop("kind", FileKind.IMAGE))
    content = structs.replace(content, **details)
    answer = await paired.engine.send(paired.session, f"{ben.number}@s.whatsapp.net", content)
    assert (answer.problem, words in answer.words) == ("refused", True), answer


async def test_an_empty_file_and_a_pipe_are_refused(paired: Pair, ben: Phone, tmp_path: Path):
    empty = prepared(tmp_path, FileKind.IMAGE, b"")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for content, words in (
        (empty, "empty"),
        (structs.replace(empty, path=str(pipe)), "no plain file"),
    ):
        answer = await paired.engine.send(paired.session, f"{ben.number}@s.whatsapp.net", content)
        assert (answer.problem, words in answer.words) == ("refused", True), answer


RECEIVED: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "image",
        "image/jpeg",
        {"caption": "a view", "width": 800, "height": 600, "JPEGThumbnail": THUMBNAIL},
        {"kind": FileKind.IMAGE, "caption": "a view", "width": 800, "height": 600, "thumbnail": THUMBNAIL},
    ),
    ("video", "video/mp4", {"seconds": 7}, {"kind": FileKind.VIDEO, "seconds": 7, "gif": False}),
    ("gif", "video/mp4", {}, {"kind": FileKind.VIDEO, "gif": True}),
    ("video_note", "video/mp4", {"seconds": 9}, {"kind": FileKind.VIDEO, "note": True, "seconds": 9}),
    ("audio", "audio/mpeg", {"seconds": 60}, {"kind": FileKind.AUDIO, "seconds": 60}),
    (
        "voice",
        "audio/ogg; codecs=opus",
        {"seconds": 3, "waveform": bytes(range(64))},
        {"kind": FileKind.VOICE, "seconds": 3, "waveform": bytes(range(64))},
    ),
    (
        "document",
        "application/pdf",
        {"fileName": "Größe.pdf", "caption": "please sign"},
        {"kind": FileKind.DOCUMENT, "file_name": "Größe.pdf", "caption": "please sign"},
    ),
    (
        "sticker",
        "image/webp",
        {"width": 512, "height": 512, "isAnimated": True},
        {"kind": FileKind.STICKER, "width": 512, "height": 512, "animated": True},
    ),
]


@pytest.mark.parametrize(("kind", "mimetype", "details", "told"), RECEIVED, ids=[row[0] for row in RECEIVED])
async def test_a_file_that_we_receive_is_told_and_fetched(
    paired: Pair,
    ben: Phone,
    tmp_path: Path,
    kind: str,
    mimetype: str,
    details: dict[str, Any],
    told: dict[str, Any],
):
    await ben.send_file(paired.phone, kind, DATA, mimetype, **details)
    content = (await paired.heard()).content
    assert isinstance(content, ReceivedFile)
    assert (content.mimetype, content.size, content.ticket.size) == (mimetype, len(DATA), len(DATA))
    assert {name: getattr(content, name) for name in told} == told
    path = tmp_path / "fetched"
    fetched = (await fetch(paired, content.ticket, path)).fetched
    assert fetched is not None
    assert (fetched.size, fetched.sha256) == (len(DATA), hashlib.sha256(DATA).digest())
    assert path.read_bytes() == DATA
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def received(paired: Pair, ben: Phone) -> ReceivedFile:
    await ben.send_file(paired.phone, "image", DATA, "image/jpeg")
    content = (await paired.heard()).content
    assert isinstance(content, ReceivedFile)
    return content


async def test_a_file_for_one_look_says_so(paired: Pair, ben: Phone, sandbox: Sandbox):
    content = (await received(paired, ben)).ticket
    image = Message()
    image.imageMessage.directPath, image.imageMessage.mediaKey = content.direct_path, content.media_key
    image.imageMessage.fileSHA256, image.imageMessage.fileEncSHA256 = content.sha256, content.sealed_sha256
    image.imageMessage.fileLength = content.size
    await ben.send(paired.phone, message_forms.view_once(Outgoing(image, "media")))
    told = (await paired.heard()).content
    assert isinstance(told, ReceivedFile)
    assert told.view_once


async def test_a_wrong_ticket_leaves_no_file_behind(paired: Pair, ben: Phone, tmp_path: Path):
    ticket = (await received(paired, ben)).ticket
    path = tmp_path / "fetched"
    for change, words in (
        ({"sha256": b"x" * 32}, "not what its message promised"),
        ({"sealed_sha256": b"x" * 32}, "not what its message promised"),
        ({"media_key": b"x" * 32}, "not what its message promised"),
        ({"size": 5}, "not what its message promised"),
        ({"size": 2**31}, "larger than 2 GiB"),
        ({"media_key": b""}, "how to open"),
        ({"sha256": b""}, "how to open"),
        ({"direct_path": "@evil.example/x"}, "where its file is"),
        ({"direct_path": "/x\r\nHost: evil"}, "where its file is"),
    ):
        answer = await fetch(paired, structs.replace(ticket, **change), path)
        assert (answer.problem, words in answer.words) == ("refused", True), (change, answer)
        assert not path.exists()


async def test_a_file_that_the_network_no_longer_has_is_gone(paired: Pair, ben: Phone, tmp_path: Path):
    ticket = (await received(paired, ben)).ticket
    path = tmp_path / "fetched"
    answer = await fetch(paired, structs.replace(ticket, direct_path="/v/nothing?here=0"), path)
    assert (answer.problem, path.exists()) == ("gone", False)


async def test_a_file_is_never_written_over_another(paired: Pair, ben: Phone, tmp_path: Path):
    ticket = (await received(paired, ben)).ticket
    there, link = tmp_path / "there", tmp_path / "link"
    there.write_text("precious")
    link.symlink_to(tmp_path / "elsewhere")
    for path, words in (
        (there, "already"),
        (link, "already"),
        (tmp_path / "no" / "folder", "folder"),
        ("relative", "absolute"),
    ):
        answer = await fetch(paired, ticket, path)
        assert (answer.problem, words in answer.words) == ("refused", True), answer
    assert there.read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()


async def test_a_file_that_cannot_be_fetched_is_told_as_unknown(paired: Pair, ben: Phone):
    image = Message()
    image.imageMessage.caption = "without anything to fetch"
    await ben.send(paired.phone, Outgoing(image, "media"))
    assert (await paired.heard()).content == Unknown(name="imageMessage")


async def test_several_files_at_once(paired: Pair, ben: Phone, tmp_path: Path):
    tickets = [(await received(paired, ben)).ticket for _ in range(5)]
    answers = await asyncio.gather(
        *(fetch(paired, ticket, tmp_path / str(n)) for n, ticket in enumerate(tickets))
    )
    assert all(answer.problem is None for answer in answers)
