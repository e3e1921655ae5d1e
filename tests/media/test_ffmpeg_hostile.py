"""ffmpeg against files that want to break out."""

import asyncio
import random
import struct
from pathlib import Path

import pytest

from shared.contracts.messages import FileKind
from shared.files.errors import MediaCode, MediaError
from tests.media import samples as made
from tests.media.conftest import Desk
from tests.media.jobs import make_job, put, refusal
from tests.media.samples import Samples
from worker.media.ffmpeg import Ffmpeg
from worker.media.shelf import Tray

PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:%s\n#EXT-X-ENDLIST\n"
SCRIPT = b"ffconcat version 1.0\nfile '%s'\n"
LIST = b"file '%s'\n"


@pytest.mark.parametrize(
    "demuxer", ["mov", "matroska", "ogg", "mp3", "avi", "flv", "asf", "mpeg", "mpegts", "gif", "wav"]
)
@pytest.mark.parametrize("form", [PLAYLIST, SCRIPT, LIST])
async def test_a_playlist_in_a_files_guise_opens_no_other_file(
    tray: Tray, program: Path, samples: Samples, demuxer: str, form: bytes
):
    victim = put(tray, samples.data("tv.ts"))
    for name in (str(victim), victim.name):
        job = make_job(tray, put(tray, form % name.encode()), demuxer)
        assert await refusal(Ffmpeg(program), job) is MediaCode.CONVERSION_FAILED
        assert not job.target.exists() or not job.target.stat().st_size


def _alias(path: bytes) -> bytes:
    """As old Macs write down where another file is."""
    before = bytes(10) + bytes(28) + bytes(12) + bytes(64) + bytes(16) + bytes(4) + bytes(16)
    return (
        before
        + struct.pack(">HH", 2, len(path))
        + path
        + bytes(len(path) % 2)
        + struct.pack(">HH", 0xFFFF, 0)
    )


def _movie_that_lies_elsewhere(samples: Samples, elsewhere: bytes) -> bytes:
    """A real MP4 whose index says that its pictures stand in another file, at the same places."""
    data = samples.data("silent.mp4")
    reference = data[data.index(b"dref") - 4 :][:28]
    other = made.box(b"dref", reference[8:16] + made.box(b"alis", bytes(4) + _alias(elsewhere)))
    grown = len(other) - len(reference)
    changed = bytearray(data.replace(reference, other))
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        at = changed.index(name) - 4
        size = int.from_bytes(changed[at : at + 4], "big") + grown
        changed[at : at + 4] = size.to_bytes(4, "big")
    start, end = changed.index(b"mdat") + 4, changed.index(b"moov") - 4
    changed[start:end] = bytes(end - start)
    return bytes(changed)


async def test_a_movie_cannot_take_its_pictures_from_another_file(
    tray: Tray, program: Path, samples: Samples, desk: Desk
):
    lying = _movie_that_lies_elsewhere(samples, str(samples.path("silent.mp4")).encode())
    job = make_job(tray, put(tray, lying), "mov")
    assert await refusal(Ffmpeg(program), job) is MediaCode.CONVERSION_FAILED
    assert await desk.code(FileKind.VIDEO, lying) is MediaCode.FILE_BROKEN


async def test_it_has_no_way_to_the_network(tray: Tray, program: Path):
    called = asyncio.Event()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        playlist = (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:{port}/x.ts\n#EXT-X-ENDLIST\n"
        )
        source = put(tray, playlist.encode())
        # Even if the demuxer were the one that the file wants.
        for demuxer in ("hls", "mov"):
            job = make_job(tray, source, demuxer)
            assert await refusal(Ffmpeg(program), job) is MediaCode.CONVERSION_FAILED
    assert not called.is_set()


@pytest.mark.parametrize("demuxer", ["mov", "matroska", "ogg", "mp3", "avi", "gif"])
async def test_rubbish_ends_in_an_error_that_names_no_path(tray: Tray, program: Path, demuxer: str):
    source = put(tray, random.Random(demuxer).randbytes(50_000))
    with pytest.raises(MediaError) as caught:
        await Ffmpeg(program).run(make_job(tray, source, demuxer))
    assert caught.value.code is MediaCode.CONVERSION_FAILED
    assert str(source.parent) not in caught.value.words
    assert len(caught.value.words) < 300
    assert caught.value.words.isprintable()
