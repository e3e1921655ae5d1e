"""Sound: as it is where phones play it, else made anew; voice notes with the picture of their loudness."""

import array
import mmap
from pathlib import Path

from shared.files.errors import MediaCode, MediaError
from shared.files.threads import in_thread
from worker.media import forms, ogg, sound_frames
from worker.media.ffmpeg import Ffmpeg, Job
from worker.media.forms import Family, Form
from worker.media.order import Made, Order

PHONES_PLAY = frozenset({forms.MP3, forms.M4A, forms.AAC, forms.AMR, forms.OPUS})
_ONLY_SOUND = ("-map", "0:a:0", "-vn")
_TO_M4A = (*_ONLY_SOUND, "-ac", "2", "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart")
_TO_OPUS = (
    *(*_ONLY_SOUND, "-ar", "48000", "-ac", "1"),
    *("-c:a", "libopus", "-b:a", "32k", "-application", "voip"),
)
_RATE = 8_000
_TO_PLAIN = (*_ONLY_SOUND, "-ar", str(_RATE), "-ac", "1", "-c:a", "pcm_s16le")
_BARS = 64
_LOUDEST = 100
_SILENCE = 64


async def make_audio(order: Order) -> Made:
    form = _sound_form(order)
    if form in PHONES_PLAY:
        seconds = await in_thread(sound_frames.seconds_of, order.path, form)
        return _made(order, order.path, form, _checked(order, seconds))
    ffmpeg = order.converter("MP3, M4A, AAC, AMR or OGG with Opus", "one of those")
    path = await _converted(order, ffmpeg, forms.M4A, "ipod", _TO_M4A)
    seconds = await in_thread(sound_frames.seconds_of, path, forms.M4A)
    return _made(order, path, forms.M4A, _checked(order, seconds))


async def make_voice(order: Order) -> Made:
    form, path = _sound_form(order), order.path
    opus = await in_thread(ogg.read_opus, path) if form == forms.OPUS else None
    if opus is not None and not opus.plain and order.ffmpeg is None:
        raise _cut_off()
    # Two channels play as well, but phones record one, and half of the bytes are for nothing.
    as_it_is = opus is not None and opus.plain and (opus.channels == 1 or order.ffmpeg is None)
    if opus is None or not as_it_is:
        ffmpeg = order.converter("OGG with Opus", "OGG with Opus")
        path = await _converted(order, ffmpeg, forms.OPUS, "ogg", _TO_OPUS)
        opus = await in_thread(ogg.read_opus, path)
    seconds = _checked(order, opus.seconds)
    waveform = await _waveform(order, path) if order.ffmpeg is not None else b""
    return _made(order, path, forms.OPUS, seconds, waveform)


def _sound_form(order: Order) -> Form:
    """Also of a video, whose sound can be taken out."""
    if order.form is None or order.form.family is Family.PICTURE:
        raise order.unsuitable("sound, such as MP3, M4A or OGG with Opus")
    return order.form


async def _converted(order: Order, ffmpeg: Ffmpeg, form: Form, muxer: str, options: tuple[str, ...]) -> Path:
    target = order.tray.place(form.extension)
    await ffmpeg.run(
        Job(
            source=order.path,
            demuxer=_sound_form(order).reader,
            target=target,
            muxer=muxer,
            options=options,
            largest=order.limits.sent[order.kind],
            # A little more than is allowed, so that what is too long is found out and not cut off.
            seconds=order.limits.seconds + 2,
        )
    )
    return target


def _checked(order: Order, seconds: float) -> int:
    most = order.limits.seconds
    if seconds > most + 1:
        words = f"The sound is longer than {most} seconds. Send a shorter one, or a document."
        raise MediaError(MediaCode.FILE_TOO_LARGE, words)
    if not seconds:
        raise _cut_off()
    return max(1, round(seconds))


def _cut_off() -> MediaError:
    return MediaError(MediaCode.FILE_BROKEN, "The sound is not all there. Was the file cut off?")


async def _waveform(order: Order, path: Path) -> bytes:
    if order.ffmpeg is None:
        return b""
    target = order.tray.place("raw")
    job = Job(
        source=path,
        demuxer=forms.OPUS.reader,
        target=target,
        muxer="s16le",
        options=_TO_PLAIN,
        largest=(order.limits.seconds + 3) * _RATE * 2,
        seconds=order.limits.seconds + 2,
    )
    try:
        await order.ffmpeg.run(job)
    except MediaError as error:
        if error.code is not MediaCode.CONVERSION_FAILED:
            raise
        raise _cut_off() from None
    return await in_thread(_loudnesses, target)


def _loudnesses(path: Path) -> bytes:
    """64 bars, the highest of them full, as phones draw them; silence stays flat."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        bars = [_loudness(data, bar) for bar in range(_BARS)]
    path.unlink()
    most = max(bars)
    return bytes(round(bar / most * _LOUDEST) if most > _SILENCE else 0 for bar in bars)


def _loudness(data: mmap.mmap, bar: int) -> float:
    """On average over its part of the samples."""
    samples = len(data) // 2
    start, end = (samples * edge // _BARS * 2 for edge in (bar, bar + 1))
    part = array.array("h", data[start:end])
    return sum(map(abs, part)) / len(part) if part else 0.0


def _made(order: Order, path: Path, form: Form, seconds: int, waveform: bytes = b"") -> Made:
    return Made(
        kind=order.kind,
        path=path,
        mimetype=form.mimetype,
        extension=form.extension,
        seconds=seconds,
        waveform=waveform,
    )
