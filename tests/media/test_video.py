"""Video on its way out."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.messages import FileKind
from shared.files.errors import MediaCode
from tests.media import samples as made
from tests.media.conftest import Desk, at_most_broken
from tests.media.samples import Samples
from worker.media import mp4

VIDEO = FileKind.VIDEO


def _sent(path: str) -> bytes:
    return Path(path).read_bytes()


def _movie(path: str) -> mp4.Movie:
    return mp4.read(Path(path))


@pytest.mark.parametrize("name", ["plain.mp4", "silent.mp4"])
async def test_what_phones_play_goes_out_byte_for_byte(desk: Desk, samples: Samples, name: str):
    file = await desk.prepare(VIDEO, samples.data(name), caption="see", view_once=True, file_name="x.mp4")
    assert _sent(file.path) == samples.data(name)
    assert (file.kind, file.mimetype, file.seconds) == (VIDEO, "video/mp4", 2)
    assert (file.width, file.height) == (160, 120)
    assert (file.caption, file.view_once, file.file_name) == ("see", True, "x.mp4")
    small = made.opened(file.thumbnail)
    assert small.format == "JPEG"
    assert small.size == (100, 75)
    assert len(file.thumbnail) <= 8 * 1024


@pytest.mark.parametrize("name", ["plain.mp4", "silent.mp4", "phone.3gp", "fragmented.mp4"])
async def test_without_ffmpeg_it_is_measured_by_its_boxes(bare_desk: Desk, samples: Samples, name: str):
    file = await bare_desk.prepare(VIDEO, samples.data(name))
    assert _sent(file.path) == samples.data(name)
    assert file.seconds == (0 if name == "fragmented.mp4" else 2)
    assert (file.width > 100, file.height > 100, file.thumbnail) == (True, True, b"")


async def test_3gp_goes_out_as_it_is(desk: Desk, samples: Samples):
    file = await desk.prepare(VIDEO, samples.data("phone.3gp"))
    assert _sent(file.path) == samples.data("phone.3gp")
    assert (file.mimetype, file.seconds) == ("video/3gpp", 2)
    assert file.thumbnail


@pytest.mark.parametrize(
    "name",
    [
        "hevc.mp4",
        "ten-bit.mp4",
        "screen.webm",
        "screen.mkv",
        "old.avi",
        "old.flv",
        "old.wmv",
        "tv.ts",
        "tv.mpg",
    ],
)
async def test_all_else_becomes_mp4_that_phones_play(desk: Desk, samples: Samples, name: str):
    file = await desk.prepare(VIDEO, samples.data(name), file_name=f"holiday.{name[-3:]}")
    assert (file.mimetype, file.seconds, file.file_name) == ("video/mp4", 2, "holiday.mp4")
    movie = _movie(file.path)
    assert movie.plays_on_phones
    assert (movie.whole, movie.fragmented) == (True, False)
    assert (file.width, file.height) == (160, 120)
    # The index stands in front, so that it plays while it is fetched.
    data = _sent(file.path)
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("name", ["camera.mov", "fragmented.mp4"])
async def test_what_only_lies_in_the_wrong_box_is_not_encoded_anew(desk: Desk, samples: Samples, name: str):
    file = await desk.prepare(VIDEO, samples.data(name))
    assert file.mimetype == "video/mp4"
    movie = _movie(file.path)
    assert (movie.plays_on_phones, movie.fragmented) == (True, False)
    # x264 leaves a note in what it encodes; both were made with its fastest settings.
    assert b"subme=0" in _sent(file.path)
    assert (file.seconds, file.width, file.height) == (2, 160, 120)


async def test_a_video_on_its_side_is_measured_as_it_is_seen(desk: Desk, samples: Samples):
    file = await desk.prepare(VIDEO, samples.data("turned.mp4"))
    assert _sent(file.path) == samples.data("turned.mp4")
    assert (file.width, file.height) == (120, 160)
    assert made.opened(file.thumbnail).size == (75, 100)


async def test_a_round_video_is_cut_square(desk: Desk, samples: Samples):
    for name in ("plain.mp4", "screen.webm"):
        file = await desk.prepare(VIDEO, samples.data(name), note=True)
        assert file.note
        assert (file.width, file.height) == (120, 120)


async def test_without_ffmpeg_a_round_video_goes_out_as_it_is(bare_desk: Desk, samples: Samples):
    file = await bare_desk.prepare(VIDEO, samples.data("plain.mp4"), note=True)
    assert (file.note, file.width, file.height) == (True, 160, 120)


async def test_a_gif_becomes_a_video_that_plays_by_itself(desk: Desk, samples: Samples):
    file = await desk.prepare(VIDEO, samples.data("moving.gif"))
    movie = _movie(file.path)
    assert (file.gif, file.seconds, movie.plays_on_phones, movie.sound) == (True, 2, True, None)


async def test_odd_sides_are_made_even(desk: Desk):
    file = await desk.prepare(VIDEO, made.animation("GIF", (51, 33), 5, 200))
    assert (file.width, file.height) == (50, 32)


@pytest.mark.parametrize("name", ["camera.mov", "screen.webm", "hevc.mp4", "moving.gif"])
async def test_without_ffmpeg_all_else_is_refused_in_words_that_help(
    bare_desk: Desk, samples: Samples, name: str
):
    error = await bare_desk.refusal(VIDEO, samples.data(name))
    assert error.code is MediaCode.CONVERSION_UNAVAILABLE
    assert "has to be MP4 with H.264 and AAC. Install ffmpeg on the worker, or send that." in error.words


async def test_nothing_is_converted_against_the_senders_will(desk: Desk, samples: Samples):
    error = await desk.refusal(VIDEO, samples.data("screen.webm"), convert=False)
    assert error.code is MediaCode.FILE_TYPE_NOT_SUPPORTED
    assert "or allow the conversion" in error.words
    assert (await desk.prepare(VIDEO, samples.data("plain.mp4"), convert=False)).seconds == 2


@pytest.mark.parametrize(
    "data",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"[playlist]\nFile1=http://127.0.0.1/\n",
        made.picture("PNG"),
        b"%PDF-1.4\n",
    ],
)
async def test_what_is_no_video_never_reaches_ffmpeg(desk: Desk, data: bytes):
    code = await desk.code(VIDEO, data, mimetype="video/mp4", file_name="holiday.mp4")
    assert code is MediaCode.FILE_TYPE_NOT_SUPPORTED


async def test_sound_alone_is_no_video(desk: Desk, samples: Samples):
    for name in ("song.mp3", "only-sound.mp4"):
        assert await desk.code(VIDEO, samples.data(name)) is MediaCode.FILE_TYPE_NOT_SUPPORTED


@pytest.mark.parametrize("ffmpeg", [True, False])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("name", ["plain.mp4", "index-first.mp4"])
async def test_a_video_that_was_cut_off_is_found_out(
    make_desk, samples: Samples, name: str, kept: float, ffmpeg: bool
):
    data = samples.data(name)
    assert await make_desk(ffmpeg=ffmpeg).code(VIDEO, data[: int(len(data) * kept)]) is MediaCode.FILE_BROKEN


async def test_a_video_whose_pictures_are_rubbish_is_found_out(desk: Desk, samples: Samples):
    data = bytearray(samples.data("silent.mp4"))
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = random.Random(5).randbytes(end - start)
    assert await desk.code(VIDEO, bytes(data)) is MediaCode.FILE_BROKEN


async def test_a_video_that_lasts_too_long_is_refused_and_not_cut_off(make_desk, samples: Samples):
    desk = make_desk(seconds=0)
    for name in ("plain.mp4", "screen.webm"):
        error = await desk.refusal(VIDEO, samples.data(name))
        assert error.code is MediaCode.FILE_TOO_LARGE
        assert "longer than 0 seconds" in error.words


async def test_what_is_over_the_limit_before_or_after_conversion_is_refused(make_desk, samples: Samples):
    sent = dict.fromkeys(FileKind, 4_000)
    assert await make_desk(sent=sent).code(VIDEO, samples.data("plain.mp4")) is MediaCode.FILE_TOO_LARGE
    assert await make_desk(sent=sent).code(VIDEO, samples.data("screen.webm")) is MediaCode.FILE_TOO_LARGE


async def test_a_video_of_too_many_pixels_is_refused(make_desk, samples: Samples):
    desk = make_desk(pixels=10_000)
    assert await desk.code(VIDEO, samples.data("screen.webm")) is MediaCode.CONVERSION_FAILED


@given(rest=st.binary(max_size=300), place=st.integers(0, 3))
def test_rubbish_in_boxes_is_broken_or_read_but_never_more(
    tmp_path_factory: pytest.TempPathFactory, rest: bytes, place: int
):
    track = made.box(b"trak", made.box(b"mdia", made.box(b"hdlr", bytes(8) + b"vide" + bytes(12)) + rest))
    whole = [
        rest,
        made.box(b"moov", rest),
        made.box(b"moov", made.box(b"mvhd", rest)),
        made.box(b"moov", track),
    ]
    path = tmp_path_factory.getbasetemp() / "rubbish.mp4"
    path.write_bytes(made.box(b"ftyp", b"isom\0\0\0\0") + whole[place])
    with at_most_broken():
        assert mp4.read(path).seconds >= 0


@given(seed=st.integers(0, 2**32), flips=st.integers(1, 40))
def test_a_real_index_with_flipped_bytes_breaks_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, samples: Samples, seed: int, flips: int
):
    data, chance = bytearray(samples.data("plain.mp4")), random.Random(seed)
    start = data.index(b"moov")
    for _ in range(flips):
        data[chance.randrange(start, len(data))] = chance.randrange(256)
    path = tmp_path_factory.getbasetemp() / "flipped.mp4"
    path.write_bytes(data)
    with at_most_broken():
        movie = mp4.read(path)
        assert movie.video is None or 0 <= movie.video.width <= 16_384
