"""Video: as it is where phones play it, else made anew; and pictures that move, which are sent as video."""

from pathlib import Path

from shared.contracts.messages import FileKind
from shared.files.errors import MediaCode, MediaError
from shared.files.threads import in_thread
from worker.media import forms, mp4, pictures
from worker.media.ffmpeg import Job
from worker.media.forms import Family, Form
from worker.media.mp4 import Movie
from worker.media.order import Made, Order

_WANTED, _ADVICE = "MP4 with H.264 and AAC", "that"
_BOTH_STREAMS = ("-map", "0:v:0", "-map", "0:a:0?")
_ONLY_PICTURES = ("-map", "0:v:0", "-an")
_COPIED = ("-c", "copy", "-movflags", "+faststart")
_ENCODED = (
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p", "-fpsmax", "30"),
    *("-c:a", "aac", "-b:a", "96k", "-ac", "2", "-movflags", "+faststart"),
)
# H.264 wants even sides.
_EVEN = "force_original_aspect_ratio=decrease:force_divisible_by=2"
_SMALL_ENOUGH = f"scale=w='min(1280,iw)':h='min(1280,ih)':{_EVEN}"
_SQUARE = f"crop=w='min(iw,ih)':h='min(iw,ih)',scale=w='min(640,iw)':h='min(640,ih)':{_EVEN}"
_FIRST_FRAME = (
    *(*_ONLY_PICTURES, "-frames:v", "1", "-c:v", "png"),
    *("-vf", f"scale=w='min(200,iw)':h='min(200,ih)':{_EVEN}"),
)
_LARGEST_FRAME = 1024 * 1024
_BOX_FILES = frozenset({forms.MP4, forms.MOV, forms.THREE_GP})


async def make_video(order: Order) -> Made:
    """`note` is a round video, which is a square one; a GIF becomes a video that plays by itself."""
    form, path = _video_form(order), order.path
    movie = await _movie(order) if form in _BOX_FILES else None
    if movie is None or not _plays(order, form, movie):
        path = await _converted(order, form, movie)
        form, movie = forms.MP4, await in_thread(mp4.read, path)
    video = movie.video
    return Made(
        kind=FileKind.VIDEO,
        path=path,
        mimetype=form.mimetype,
        extension=form.extension,
        seconds=_checked(order, movie.seconds),
        width=video.width if video else 0,
        height=video.height if video else 0,
        thumbnail=await _thumbnail(order, path, form),
        gif=order.gif or order.form == forms.GIF,
    )


def _video_form(order: Order) -> Form:
    form = order.form
    if form is None or (form.family is not Family.VIDEO and form != forms.GIF):
        raise order.unsuitable("a video, such as MP4, or of a GIF")
    return form


async def _movie(order: Order) -> Movie:
    movie = await in_thread(mp4.read, order.path)
    if not movie.whole:
        raise MediaError(MediaCode.FILE_BROKEN, "The video is not all there. Was the file cut off?")
    if movie.video is None:
        raise MediaError(MediaCode.FILE_BROKEN, "There is no picture in the video. Send it as audio.")
    return movie


def _plays(order: Order, form: Form, movie: Movie) -> bool:
    if form == forms.THREE_GP:
        return True
    if form != forms.MP4 or not movie.plays_on_phones:
        return False
    # These play better when made anew, and play as they are.
    return order.ffmpeg is None or not order.convert or not (movie.fragmented or _to_be_cut(order, movie))


def _to_be_cut(order: Order, movie: Movie | None) -> bool:
    video = movie.video if movie else None
    return order.note and (video is None or video.width != video.height)


async def _converted(order: Order, form: Form, movie: Movie | None) -> Path:
    target = order.tray.place(forms.MP4.extension)
    ffmpeg = order.converter(_WANTED, _ADVICE)
    streams = _ONLY_PICTURES if form == forms.GIF else _BOTH_STREAMS
    cut = _to_be_cut(order, movie)
    if movie is not None and movie.plays_on_phones and not cut:
        options = (*streams, *_COPIED)
    else:
        options = (*streams, "-vf", _SQUARE if cut else _SMALL_ENOUGH, *_ENCODED)
    await ffmpeg.run(
        Job(
            source=order.path,
            demuxer=form.reader.lower(),
            target=target,
            muxer="mp4",
            options=options,
            largest=order.limits.sent[FileKind.VIDEO],
            # A little more than is allowed, so that what is too long is found out and not cut off.
            seconds=order.limits.seconds + 2,
        )
    )
    return target


def _checked(order: Order, seconds: float) -> int:
    most = order.limits.seconds
    if seconds > most + 1:
        words = f"The video is longer than {most} seconds. Send a shorter one, or a document."
        raise MediaError(MediaCode.FILE_TOO_LARGE, words)
    return max(1, round(seconds)) if seconds else 0


async def _thumbnail(order: Order, path: Path, form: Form) -> bytes:
    if order.ffmpeg is None:
        return b""
    target = order.tray.place(forms.PNG.extension)
    job = Job(
        source=path,
        demuxer=form.reader,
        target=target,
        muxer="image2pipe",
        options=_FIRST_FRAME,
        largest=_LARGEST_FRAME,
        seconds=order.limits.seconds,
    )
    try:
        await order.ffmpeg.run(job)
    except MediaError as error:
        if error.code is not MediaCode.CONVERSION_FAILED:
            raise
        words = "The video has no picture that can be shown. Is it damaged?"
        raise MediaError(MediaCode.FILE_BROKEN, words) from None
    return await in_thread(_small, target, order.limits.pixels)


def _small(path: Path, pixels: int) -> bytes:
    with pictures.opened(path, forms.PNG, pixels) as picture:
        return pictures.thumbnail(picture)
