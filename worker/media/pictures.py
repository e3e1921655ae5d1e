"""Pictures: opened with care, made upright, made small."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFile, ImageOps

from shared.contracts.messages import FileKind
from shared.files.errors import MediaCode, MediaError
from shared.files.threads import in_thread
from worker.media import forms
from worker.media.forms import Form
from worker.media.order import Made, Order

# Pillow's own last line of defence; ours is the limit of each order.
Image.MAX_IMAGE_PIXELS = 64_000_000
warnings.simplefilter("error", Image.DecompressionBombWarning)
# At its most talkative level it writes into the log what people wrote into their pictures.
logging.getLogger("PIL").setLevel(logging.INFO)

_LONGEST_SIDE = 4096
_ORIENTATION = 0x0112
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
_THUMBNAIL_SIDE = 100
_THUMBNAIL_BYTES = 8 * 1024
_QUALITY = 88
# What phones show without surprises; four inks, sixteen bits or floating points are not among it.
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
_AS_IT_IS = frozenset({forms.JPEG, forms.PNG})
READABLE = frozenset({forms.JPEG, forms.PNG, forms.WEBP, forms.GIF, forms.AVIF})


@contextmanager
def opened(path: Path, form: Form, pixels: int) -> Iterator[ImageFile.ImageFile]:
    """As the form that was detected and no other; whatever goes wrong inside is the file's fault."""
    try:
        with Image.open(path, formats=[form.reader]) as picture:
            check_pixels(picture.width * picture.height, pixels)
            yield picture
    except MediaError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        check_pixels(pixels + 1, pixels)
    except Exception as error:
        # Decoders throw whatever comes to hand when a file is hostile; its type says more than its words.
        words = f"The picture cannot be read ({type(error).__name__}). Was it cut off?"
        raise MediaError(MediaCode.FILE_BROKEN, words) from None


def check_pixels(found: int, most: int) -> None:
    if found > most:
        words = f"The picture has more than {most // 1_000_000} million pixels. Make it smaller."
        raise MediaError(MediaCode.FILE_TOO_LARGE, words)


async def make_image(order: Order) -> Made:
    if order.form not in READABLE:
        raise order.unsuitable("JPEG, PNG, WebP, GIF or AVIF")
    return await in_thread(_make_image, order, order.form)


def still(order: Order) -> bool:
    """Whether a GIF is a single picture."""
    with opened(order.path, forms.GIF, order.limits.pixels) as picture:
        return not getattr(picture, "is_animated", False)


def _make_image(order: Order, form: Form) -> Made:
    with opened(order.path, form, order.limits.pixels) as picture:
        if form not in _AS_IT_IS or picture.mode not in _PLAIN_MODES:
            order.check_convertible("JPEG or PNG")
            return _as_jpeg(order, picture)
        width, height = picture.size
        if picture.getexif().get(_ORIENTATION) in _ON_ITS_SIDE:
            width, height = height, width
        return _made(order.path, form, (width, height), picture)


def _as_jpeg(order: Order, picture: ImageFile.ImageFile) -> Made:
    upright = flat(ImageOps.exif_transpose(picture))
    upright.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
    path = order.tray.place(forms.JPEG.extension)
    with order.tray.create(path) as file:
        upright.save(file, "JPEG", quality=_QUALITY)
    return _made(path, forms.JPEG, upright.size, upright)


def _made(path: Path, form: Form, size: tuple[int, int], picture: Image.Image) -> Made:
    return Made(
        kind=FileKind.IMAGE,
        path=path,
        mimetype=form.mimetype,
        extension=form.extension,
        width=size[0],
        height=size[1],
        thumbnail=thumbnail(picture),
    )


def thumbnail(picture: Image.Image) -> bytes:
    """A small JPEG, for which the picture is used up; as it is read to its end, a cut one is found out."""
    picture.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    small = flat(ImageOps.exif_transpose(picture))
    data = b""
    for quality in (75, 60, 40, 20, 5):
        written = io.BytesIO()
        small.save(written, "JPEG", quality=quality)
        data = written.getvalue()
        if len(data) <= _THUMBNAIL_BYTES:
            break
    return data


def flat(picture: Image.Image) -> Image.Image:
    """On white where one could see through it."""
    if picture.mode == "RGB":
        return picture
    if picture.mode in {"I;16", "I;16B", "I;16L", "I"}:
        return picture.point(lambda level: level / 256).convert("L").convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    see_through = picture.convert("RGBA")
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(see_through, mask=see_through.getchannel("A"))
    return ground
