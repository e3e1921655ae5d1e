"""Stickers: WebP of 512 by 512 with nothing around, as small as phones accept them."""

import io
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from PIL import Image, ImageFile, ImageOps

from shared.contracts.messages import FileKind
from shared.files.errors import too_large
from shared.files.threads import in_thread
from worker.media import forms
from worker.media.forms import Form
from worker.media.order import Made, Order
from worker.media.pictures import READABLE, check_pixels, opened

_SIDE = 512
_STILL_QUALITIES = (90, 75, 60, 45, 30, 15, 5, 0)
# Quality, and of how many frames one stays: fewer frames rather than mud.
_MOVING_ATTEMPTS = ((75, 1), (50, 1), (50, 2), (30, 2), (30, 3), (10, 4))
# Phones play no more of it; the rest is left out.
_LONGEST_MS = 10_000
_SHORTEST_FRAME_MS = 80
# As browsers do with frames that ask for no time.
_NO_TIME_MS, _UNTIMED_MS = 10, 100

_Frame = tuple[Image.Image, int]


async def make_sticker(order: Order) -> Made:
    if order.form not in READABLE:
        raise order.unsuitable("WebP, PNG, JPEG, GIF or AVIF")
    return await in_thread(_make_sticker, order, order.form)


def _make_sticker(order: Order, form: Form) -> Made:
    with opened(order.path, form, order.limits.pixels) as picture:
        animated = bool(getattr(picture, "is_animated", False))
        limit = order.limits.sent[FileKind.STICKER] if animated else order.limits.still_sticker
        if form == forms.WEBP and picture.size == (_SIDE, _SIDE) and order.size <= limit:
            for _ in _frames(picture, order.limits.animation_pixels):
                # Read, which finds out whether all is there.
                pass
            return _made(order.path, animated)
        order.check_convertible("a WebP of 512 by 512 pixels, and small")
        if animated:
            data = _moving(_thinned(_frames(picture, order.limits.animation_pixels)), limit)
        else:
            data = _still(picture, limit)
    path = order.tray.place(forms.WEBP.extension)
    with order.tray.create(path) as file:
        file.write(data)
    return _made(path, animated)


def _made(path: Path, animated: bool) -> Made:
    return Made(
        kind=FileKind.STICKER,
        path=path,
        mimetype=forms.WEBP.mimetype,
        extension=forms.WEBP.extension,
        width=_SIDE,
        height=_SIDE,
        animated=animated,
    )


def _frames(picture: ImageFile.ImageFile, pixels: int) -> Iterator[_Frame]:
    """The same picture again and again, showing one frame after the other, each with its milliseconds."""
    for number in count():
        try:
            picture.seek(number)
        except EOFError:
            return
        check_pixels((number + 1) * picture.width * picture.height, pixels)
        picture.load()
        asked = int(picture.info.get("duration") or 0)
        yield picture, asked if asked > _NO_TIME_MS else _UNTIMED_MS


def _thinned(frames: Iterator[_Frame]) -> list[_Frame]:
    """What is left out gives its time to the frame before."""
    kept: list[_Frame] = []
    total = 0
    for frame, milliseconds in frames:
        if kept and kept[-1][1] < _SHORTEST_FRAME_MS:
            kept[-1] = (kept[-1][0], kept[-1][1] + milliseconds)
        else:
            kept.append((_on_canvas(frame), milliseconds))
        total += milliseconds
        if total >= _LONGEST_MS:
            break
    return kept


def _on_canvas(picture: Image.Image) -> Image.Image:
    fitted = ImageOps.contain(picture.convert("RGBA"), (_SIDE, _SIDE), Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", (_SIDE, _SIDE), (0, 0, 0, 0))
    canvas.paste(fitted, ((_SIDE - fitted.width) // 2, (_SIDE - fitted.height) // 2))
    return canvas


def _still(picture: ImageFile.ImageFile, limit: int) -> bytes:
    canvas = _on_canvas(ImageOps.exif_transpose(picture))
    for quality in _STILL_QUALITIES:
        written = io.BytesIO()
        canvas.save(written, "WEBP", quality=quality, method=6)
        if written.tell() <= limit:
            return written.getvalue()
    raise too_large("The sticker", limit)


def _moving(frames: list[_Frame], limit: int) -> bytes:
    for quality, every in _MOVING_ATTEMPTS:
        groups = [frames[first : first + every] for first in range(0, len(frames), every)]
        pictures = [group[0][0] for group in groups]
        times = [sum(milliseconds for _, milliseconds in group) for group in groups]
        written = io.BytesIO()
        pictures[0].save(
            written,
            "WEBP",
            save_all=True,
            append_images=pictures[1:],
            duration=times,
            loop=0,
            quality=quality,
            method=2,
        )
        if written.tell() <= limit:
            return written.getvalue()
    raise too_large("The sticker", limit)
