"""What a file is, by its content."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media import samples as made
from tests.media.conftest import Desk
from tests.media.samples import Samples
from worker.media.detection import agreed, detect

OOXML = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("name", "mimetype"),
    [
        ("plain.mp4", "video/mp4"),
        ("fragmented.mp4", "video/mp4"),
        ("only-sound.mp4", "audio/mp4"),
        ("camera.mov", "video/quicktime"),
        ("phone.3gp", "video/3gpp"),
        ("screen.webm", "video/webm"),
        ("screen.mkv", "video/x-matroska"),
        ("old.avi", "video/x-msvideo"),
        ("old.flv", "video/x-flv"),
        ("old.wmv", "video/x-ms-asf"),
        ("tv.ts", "video/mp2t"),
        ("tv.mpg", "video/mpeg"),
        ("moving.gif", "image/gif"),
        ("moving.webp", "image/webp"),
        ("song.mp3", "audio/mpeg"),
        ("bare.mp3", "audio/mpeg"),
        ("song.m4a", "audio/mp4"),
        ("song.aac", "audio/aac"),
        ("song.amr", "audio/amr"),
        ("song.wav", "audio/x-wav"),
        ("song.flac", "audio/flac"),
        ("song.aiff", "audio/x-aiff"),
        ("song.caf", "audio/x-caf"),
        ("note.ogg", "audio/ogg; codecs=opus"),
        ("vorbis.ogg", "audio/ogg"),
    ],
)
async def test_each_form_is_known_by_its_content(samples: Samples, name: str, mimetype: str):
    assert (await detect(samples.path(name))).mimetype == mimetype


@pytest.mark.parametrize(
    ("data", "mimetype"),
    [
        (made.picture("JPEG"), "image/jpeg"),
        (made.picture("PNG"), "image/png"),
        (made.picture("WEBP"), "image/webp"),
        (made.picture("AVIF"), "image/avif"),
        (made.box(b"ftyp", b"heic\0\0\0\0mif1heic") + bytes(100), "image/heic"),
        (made.box(b"ftyp", b"mif1\0\0\0\0mif1avif") + bytes(100), "image/avif"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"plain words, nothing more", "text/plain"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "text/plain"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"<html><body>hello</body></html>", "text/html"),
        (b"MZ" + bytes(300), "application/x-dosexec"),
        (b"\0" * 100, "application/octet-stream"),
        (b"GG", "text/plain"),
        (b"RIFF\0\0\0\0junk", "application/octet-stream"),
    ],
)
async def test_what_is_neither_sound_nor_video_is_named_all_the_same(desk: Desk, data: bytes, mimetype: str):
    assert (await detect(desk.put(data))).mimetype == mimetype


@pytest.mark.parametrize("data", [b"ftyp", b"OggS", b"RIFF", b"\x1aE\xdf\xa3", b"\xff\xfb", b"G", b"ID3"])
@given(rest=st.binary(max_size=400))
async def test_no_rubbish_can_break_it(tmp_path_factory: pytest.TempPathFactory, data: bytes, rest: bytes):
    path = tmp_path_factory.getbasetemp() / "rubbish"
    path.write_bytes((b"\0\0\0\x18" if data == b"ftyp" else b"") + data + rest)
    assert "/" in (await detect(path)).mimetype


@pytest.mark.parametrize(
    ("found", "told", "believed"),
    [
        ("text/plain", "text/csv", "text/csv"),
        ("text/plain", "text/csv; charset=utf-8", "text/csv"),
        ("text/x-script.python", "text/markdown", "text/markdown"),
        ("text/plain", "application/json", "application/json"),
        ("text/plain", "text/html", "text/plain"),
        ("text/plain", "image/jpeg", "text/plain"),
        ("application/zip", OOXML, OOXML),
        ("application/zip", "application/pdf", "application/zip"),
        ("application/pdf", "image/png", "application/pdf"),
        ("application/x-dosexec", "application/pdf", "application/x-dosexec"),
        ("application/octet-stream", "image/jpeg", "application/octet-stream"),
        ("application/octet-stream", "application/x-own", "application/x-own"),
        ("application/octet-stream", "application/x\r\nX-Evil: 1", "application/octet-stream"),
        ("application/octet-stream", "", "application/octet-stream"),
        ("application/octet-stream", "application/" + "x" * 500, "application/octet-stream"),
    ],
)
def test_the_sender_is_believed_only_where_the_content_does_not_tell(found: str, told: str, believed: str):
    assert agreed(found, told) == believed


async def test_a_document_of_an_office_keeps_its_type(desk: Desk):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    detected = await detect(desk.put(written.getvalue()))
    assert agreed(detected.mimetype, OOXML) == OOXML


async def test_a_picture_with_an_archive_behind_it_is_still_a_picture(desk: Desk):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("evil.js", "alert(1)")
    assert (await detect(desk.put(made.picture("PNG") + written.getvalue()))).mimetype == "image/png"
