"""Documents, and what holds for every kind."""

import asyncio
import io
import stat
import zipfile
from pathlib import Path

import pytest

from shared.contracts.messages import FileKind, OutgoingFile
from shared.files.errors import MediaCode
from tests.media import samples as made
from tests.media.conftest import Desk
from tests.media.samples import Samples
from worker.media import prepare
from worker.media.limits import OUR_LIMITS, WHATSAPP_LIMITS, Limits
from worker.media.order import Made, Order
from worker.media.prepare import Preparer
from worker.media.shelf import Shelf

DOCUMENT = FileKind.DOCUMENT


def _sent(file: OutgoingFile) -> bytes:
    return Path(file.path).read_bytes()


def _bomb() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    return written.getvalue()


@pytest.mark.parametrize(
    ("data", "told", "name", "mimetype", "file_name"),
    [
        (b"%PDF-1.4\n", "", "", "application/pdf", "file.pdf"),
        (b"%PDF-1.4\n", "application/pdf", "Invoice 7.pdf", "application/pdf", "Invoice 7.pdf"),
        (b"%PDF-1.4\n", "image/png", "../../x", "application/pdf", "x.pdf"),
        (b"a;b\n1;2\n", "text/csv", "list", "text/csv", "list.csv"),
        (b"\x00\x01\x02\x03", "", "", "application/octet-stream", "file.bin"),
        (made.picture("PNG"), "", "scan", "image/png", "scan.png"),
        (made.box(b"ftyp", b"isom\0\0\0\0"), "", "broken.mp4", "video/mp4", "broken.mp4"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "", "x.m3u8", "text/plain", "x.m3u8"),
        (_bomb(), "", "zeros.zip", "application/zip", "zeros.zip"),
    ],
)
async def test_anything_can_be_a_document_and_has_a_name(
    bare_desk: Desk, data: bytes, told: str, name: str, mimetype: str, file_name: str
):
    file = await bare_desk.prepare(DOCUMENT, data, mimetype=told, file_name=name, caption="here")
    assert _sent(file) == data
    assert (file.kind, file.mimetype, file.file_name) == (DOCUMENT, mimetype, file_name)
    assert (file.size, file.caption) == (len(data), "here")


@pytest.mark.parametrize("kind", FileKind)
async def test_an_empty_file_is_refused_as_every_kind(desk: Desk, kind: FileKind):
    assert await desk.code(kind, b"") is MediaCode.FILE_EMPTY


@pytest.mark.parametrize("kind", FileKind)
async def test_a_file_over_the_limit_is_refused_as_every_kind_before_it_is_looked_at(
    make_desk, kind: FileKind
):
    desk = make_desk(sent=dict.fromkeys(FileKind, 100), source=100, picture=100)
    error = await desk.refusal(kind, bytes(101))
    assert error.code is MediaCode.FILE_TOO_LARGE
    assert "larger than 100 bytes" in error.words


@pytest.mark.parametrize("kind", FileKind)
async def test_a_file_from_elsewhere_is_refused_as_every_kind(shelf: Shelf, tmp_path: Path, kind: FileKind):
    outside = tmp_path / "secret"
    outside.write_bytes(b"of the machine")
    with pytest.raises(ValueError, match="does not stand on this worker's shelf"):
        await Preparer(shelf, None).prepare(kind, outside)


async def test_whatever_is_made_stands_in_the_same_tray_for_nobody_else_to_read(desk: Desk, samples: Samples):
    orders = [
        (FileKind.IMAGE, made.picture("WEBP")),
        (FileKind.STICKER, made.picture("PNG")),
        (FileKind.VOICE, samples.data("song.mp3")),
        (FileKind.VIDEO, samples.data("screen.webm")),
    ]
    folder = desk.tray.place().parent
    for kind, data in orders:
        path = Path((await desk.prepare(kind, data)).path)
        assert path.parent == folder
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {0o600}


async def test_at_most_so_many_pictures_are_open_at_once(make_desk, monkeypatch: pytest.MonkeyPatch):
    open_now = most = 0
    make = prepare._PICTURE_MAKERS[FileKind.STICKER]

    async def counted(order: Order) -> Made:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        made_of_it = await make(order)
        open_now -= 1
        return made_of_it

    monkeypatch.setitem(prepare._PICTURE_MAKERS, FileKind.STICKER, counted)
    desk = make_desk(pictures_at_once=2)
    await asyncio.gather(*(desk.prepare(FileKind.STICKER, made.picture("PNG")) for _ in range(8)))
    assert most == 2


def test_no_limit_of_ours_is_above_the_networks():
    assert all(0 < OUR_LIMITS[kind] <= WHATSAPP_LIMITS[kind] for kind in FileKind)
    with pytest.raises(ValueError, match="which is the network's own"):
        Limits(sent={**OUR_LIMITS, FileKind.STICKER: 500_001})
    with pytest.raises(ValueError, match="there is no limit of audio"):
        Limits(sent={kind: 1 for kind in FileKind if kind is not FileKind.AUDIO})


def test_more_may_come_in_than_goes_out_where_it_is_made_smaller():
    limits = Limits()
    assert limits.taken_in(FileKind.STICKER) == limits.picture
    assert limits.taken_in(FileKind.VOICE) == limits.source
    assert limits.taken_in(DOCUMENT) == limits.sent[DOCUMENT]
