"""Sound and voice notes on their way out."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.messages import FileKind
from shared.files.errors import MediaCode
from tests.media import samples as made
from tests.media.conftest import Desk, at_most_broken
from tests.media.samples import Samples
from worker.media import forms, ogg, sound_frames

AUDIO, VOICE = FileKind.AUDIO, FileKind.VOICE
OPUS = "audio/ogg; codecs=opus"


def _sent(path: str) -> bytes:
    return Path(path).read_bytes()


def _opus(path: str) -> ogg.OpusFile:
    return ogg.read_opus(Path(path))


@pytest.mark.parametrize(
    ("name", "mimetype"),
    [
        ("song.mp3", "audio/mpeg"),
        ("bare.mp3", "audio/mpeg"),
        ("song.m4a", "audio/mp4"),
        ("only-sound.mp4", "audio/mp4"),
        ("song.aac", "audio/aac"),
        ("song.amr", "audio/amr"),
        ("note.ogg", OPUS),
        ("stereo.ogg", OPUS),
    ],
)
async def test_sound_that_phones_play_goes_out_byte_for_byte(
    bare_desk: Desk, samples: Samples, name: str, mimetype: str
):
    file = await bare_desk.prepare(AUDIO, samples.data(name), file_name="a song")
    assert _sent(file.path) == samples.data(name)
    assert (file.kind, file.mimetype, file.seconds, file.file_name) == (AUDIO, mimetype, 2, "a song")


@pytest.mark.parametrize(
    "name",
    ["song.wav", "song.flac", "song.aiff", "song.caf", "vorbis.ogg", "plain.mp4", "screen.webm", "tv.ts"],
)
async def test_other_sound_becomes_m4a(desk: Desk, samples: Samples, name: str):
    file = await desk.prepare(AUDIO, samples.data(name), file_name=f"x.{name}")
    assert (file.mimetype, file.seconds) == ("audio/mp4", 2)
    assert file.file_name.endswith(".m4a")
    assert sound_frames.seconds_of(Path(file.path), forms.M4A) == pytest.approx(2, abs=0.2)


async def test_without_ffmpeg_other_sound_is_refused_in_words_that_help(bare_desk: Desk, samples: Samples):
    error = await bare_desk.refusal(AUDIO, samples.data("song.wav"))
    assert error.code is MediaCode.CONVERSION_UNAVAILABLE
    assert error.words == (
        "An audio file has to be MP3, M4A, AAC, AMR or OGG with Opus. "
        "Install ffmpeg on the worker, or send one of those."
    )


async def test_a_voice_note_that_is_right_goes_out_byte_for_byte(desk: Desk, samples: Samples):
    file = await desk.prepare(VOICE, samples.data("note.ogg"))
    assert _sent(file.path) == samples.data("note.ogg")
    assert (file.mimetype, file.seconds) == (OPUS, 2)
    assert len(file.waveform) == 64


@pytest.mark.parametrize(
    "name",
    ["song.mp3", "song.m4a", "song.wav", "song.amr", "vorbis.ogg", "stereo.ogg", "plain.mp4", "old.wmv"],
)
async def test_anything_that_sounds_becomes_a_voice_note(desk: Desk, samples: Samples, name: str):
    file = await desk.prepare(VOICE, samples.data(name))
    assert (file.kind, file.mimetype, file.seconds) == (VOICE, OPUS, 2)
    note = _opus(file.path)
    assert (note.channels, note.plain) == (1, True)
    assert file.size < 20_000


async def test_the_waveform_follows_the_sound(desk: Desk, samples: Samples):
    waveform = (await desk.prepare(VOICE, samples.data("growing.wav"))).waveform
    assert len(waveform) == 64
    assert max(waveform) == 100
    assert waveform[5] < 20 < waveform[32] < 70 < waveform[60]


async def test_silence_has_a_flat_waveform(desk: Desk, samples: Samples):
    assert (await desk.prepare(VOICE, samples.data("silence.ogg"))).waveform == bytes(64)


@pytest.mark.parametrize("name", ["note.ogg", "stereo.ogg"])
async def test_without_ffmpeg_opus_is_accepted_without_a_waveform(
    bare_desk: Desk, samples: Samples, name: str
):
    file = await bare_desk.prepare(VOICE, samples.data(name))
    assert _sent(file.path) == samples.data(name)
    assert (file.mimetype, file.seconds, file.waveform) == (OPUS, 2, b"")


@pytest.mark.parametrize("name", ["song.mp3", "song.wav", "vorbis.ogg", "plain.mp4"])
async def test_without_ffmpeg_all_else_is_refused_in_words_that_help(
    bare_desk: Desk, samples: Samples, name: str
):
    error = await bare_desk.refusal(VOICE, samples.data(name))
    assert error.code is MediaCode.CONVERSION_UNAVAILABLE
    assert error.words == (
        "A voice note has to be OGG with Opus. Install ffmpeg on the worker, or send OGG with Opus."
    )


async def test_nothing_is_converted_against_the_senders_will(desk: Desk, samples: Samples):
    assert (
        await desk.code(VOICE, samples.data("song.mp3"), convert=False) is MediaCode.FILE_TYPE_NOT_SUPPORTED
    )


@pytest.mark.parametrize("kind", [AUDIO, VOICE])
async def test_a_video_without_sound_cannot_become_sound(desk: Desk, samples: Samples, kind: FileKind):
    assert await desk.code(kind, samples.data("silent.mp4")) is MediaCode.CONVERSION_FAILED


@pytest.mark.parametrize("kind", [AUDIO, VOICE])
@pytest.mark.parametrize("data", [made.picture("PNG"), b"words", b"#EXTM3U\nfile:///etc/passwd\n"])
async def test_pictures_and_words_are_no_sound(desk: Desk, kind: FileKind, data: bytes):
    assert await desk.code(kind, data, mimetype="audio/mpeg") is MediaCode.FILE_TYPE_NOT_SUPPORTED


async def test_sound_that_lasts_too_long_is_refused_and_not_cut_off(make_desk, samples: Samples):
    desk = make_desk(seconds=20)
    for kind in (AUDIO, VOICE):
        error = await desk.refusal(kind, samples.data("long.wav"))
        assert error.code is MediaCode.FILE_TOO_LARGE
        assert "longer than 20 seconds" in error.words
    assert await desk.code(VOICE, made.opus_file(30)) is MediaCode.FILE_TOO_LARGE


async def test_what_becomes_too_large_by_conversion_is_refused(make_desk, samples: Samples):
    desk = make_desk(sent=dict.fromkeys(FileKind, 30_000))
    assert await desk.code(AUDIO, samples.data("long.wav")) is MediaCode.FILE_TOO_LARGE
    assert await desk.code(VOICE, samples.data("long.wav")) is MediaCode.FILE_TOO_LARGE


async def test_without_ffmpeg_a_voice_note_that_was_cut_off_is_found_out(bare_desk: Desk, samples: Samples):
    data = samples.data("note.ogg")
    for cut in (data[: len(data) // 2], data[:-10], data[:60], data + b"rubbish"):
        assert await bare_desk.code(VOICE, cut) is MediaCode.FILE_BROKEN


async def test_a_voice_note_that_only_looks_like_one_is_found_out(desk: Desk):
    assert await desk.code(VOICE, made.opus_file(3)) is MediaCode.FILE_BROKEN


async def test_a_damaged_voice_note_is_mended_where_ffmpeg_can(desk: Desk, samples: Samples):
    data = samples.data("note.ogg")
    file = await desk.prepare(VOICE, data[:-10])
    assert _opus(file.path).plain


def test_the_length_of_opus_is_told_by_its_last_page(tmp_path: Path):
    path = tmp_path / "x.ogg"
    path.write_bytes(made.opus_file(12.5, channels=2))
    assert ogg.read_opus(path) == ogg.OpusFile(channels=2, seconds=12.5, plain=True)


def test_two_streams_in_one_file_are_not_plain(tmp_path: Path):
    path = tmp_path / "x.ogg"
    path.write_bytes(made.opus_file(1) + made.page(made.opus_head(), serial=8, flags=2))
    assert not ogg.read_opus(path).plain


@given(start=st.sampled_from([b"", made.opus_file(1)[:60]]), rest=st.binary(min_size=1, max_size=300))
def test_rubbish_in_ogg_is_broken_or_read_but_never_more(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes
):
    path = tmp_path_factory.getbasetemp() / "rubbish.ogg"
    path.write_bytes(start + rest)
    with at_most_broken():
        assert ogg.read_opus(path).seconds >= 0


@pytest.mark.parametrize("form", [forms.MP3, forms.AAC, forms.AMR])
@given(data=st.binary(min_size=1, max_size=2000))
def test_rubbish_in_frames_is_broken_or_counted_but_never_more(
    tmp_path_factory: pytest.TempPathFactory, form: forms.Form, data: bytes
):
    path = tmp_path_factory.getbasetemp() / "rubbish.sound"
    path.write_bytes(data)
    with at_most_broken():
        assert sound_frames.seconds_of(path, form) > 0


@pytest.mark.parametrize(
    "options",
    [
        ("-ar", "44100", "-b:a", "320k"),
        ("-ar", "22050", "-b:a", "64k"),
        ("-ar", "8000", "-b:a", "8k"),
        ("-q:a", "4"),
        ("-c:a", "mp2", "-f", "mp2", "-ar", "48000"),
    ],
)
def test_the_length_of_mp3_is_right_for_all_its_rates(
    tmp_path: Path, program: Path, options: tuple[str, ...]
):
    path = tmp_path / "x.mp3"
    tone = ("-f", "lavfi", "-i", "sine=440:d=7.3")
    subprocess.run([str(program), "-loglevel", "error", *tone, *options, str(path)], check=True)
    assert sound_frames.seconds_of(path, forms.MP3) == pytest.approx(7.3, abs=0.3)
