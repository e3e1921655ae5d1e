"""Pictures on their way out."""

import io
import logging
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from shared.contracts.messages import FileKind
from shared.files.errors import MediaCode, MediaError
from tests.media import samples as made
from tests.media.conftest import Desk
from tests.media.samples import Samples
from worker.media import forms
from worker.media.pictures import opened

IMAGE = FileKind.IMAGE


def _sent(path: str) -> bytes:
    return Path(path).read_bytes()


@pytest.mark.parametrize(("form", "mimetype"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
async def test_what_phones_show_goes_out_byte_for_byte(bare_desk: Desk, form: str, mimetype: str):
    data = made.picture(form, (300, 200), color=(200, 10, 10))
    file = await bare_desk.prepare(IMAGE, data, caption="look", view_once=True)
    assert _sent(file.path) == data
    assert (file.kind, file.mimetype, file.size) == (IMAGE, mimetype, len(data))
    assert (file.width, file.height) == (300, 200)
    assert (file.caption, file.view_once) == ("look", True)


@pytest.mark.parametrize("size", [(900, 600), (20, 4000), (1, 1), (100, 100)])
async def test_the_thumbnail_is_a_small_jpeg(bare_desk: Desk, size: tuple[int, int]):
    file = await bare_desk.prepare(IMAGE, made.noise("PNG", size))
    small = made.opened(file.thumbnail)
    assert small.format == "JPEG"
    assert max(small.size) <= 100
    assert len(file.thumbnail) <= 8 * 1024


async def test_a_picture_taken_on_its_side_is_measured_as_it_is_seen(bare_desk: Desk):
    exif = Image.Exif()
    exif[0x0112] = 6
    written = io.BytesIO()
    lying = Image.new("RGB", (300, 200), "blue")
    lying.paste("red", (0, 0, 150, 200))
    lying.save(written, "JPEG", exif=exif)
    file = await bare_desk.prepare(IMAGE, written.getvalue())
    assert (file.width, file.height) == (200, 300)
    small = made.opened(file.thumbnail).convert("RGB")
    assert small.size == (67, 100)
    # Turned clockwise: what was on the left is on top.
    assert small.getpixel((33, 10))[0] > 200  # type: ignore[index]
    assert small.getpixel((33, 90))[2] > 200  # type: ignore[index]


async def test_what_people_wrote_into_their_pictures_reaches_no_log(
    bare_desk: Desk, caplog: pytest.LogCaptureFixture
):
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    with caplog.at_level(logging.DEBUG):
        await bare_desk.prepare(IMAGE, made.picture("JPEG", exif=exif), caption="with my love")
        await bare_desk.prepare(FileKind.STICKER, made.picture("PNG", exif=exif))
    assert "taken at home" not in caplog.text
    assert "with my love" not in caplog.text


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
async def test_other_forms_become_jpeg(bare_desk: Desk, form: str):
    file = await bare_desk.prepare(IMAGE, made.picture(form, (300, 200)), file_name="a.b.webp")
    assert (file.mimetype, file.file_name) == ("image/jpeg", "a.b.jpg")
    assert made.opened(_sent(file.path)).format == "JPEG"
    assert (file.width, file.height) == (300, 200)
    assert file.thumbnail


@pytest.mark.parametrize(
    "data",
    [
        made.picture("JPEG", mode="CMYK", color=(0, 200, 200, 0)),
        made.picture("PNG", mode="I;16", color=30_000),
    ],
)
async def test_inks_and_deep_greys_become_a_jpeg_that_phones_show(bare_desk: Desk, data: bytes):
    file = await bare_desk.prepare(IMAGE, data)
    shown = made.opened(_sent(file.path))
    assert (shown.format, shown.mode) == ("JPEG", "RGB")
    assert any(50 < level < 250 for level in shown.getpixel((5, 5)))  # type: ignore[union-attr]


async def test_what_one_can_see_through_is_laid_on_white(bare_desk: Desk):
    file = await bare_desk.prepare(IMAGE, made.picture("WEBP", mode="RGBA", color=(255, 0, 0, 0)))
    assert made.opened(_sent(file.path)).getpixel((9, 9)) == (255, 255, 255)


async def test_nothing_is_converted_against_the_senders_will(desk: Desk):
    error = await desk.refusal(IMAGE, made.picture("WEBP"), convert=False)
    assert error.code is MediaCode.FILE_TYPE_NOT_SUPPORTED
    assert "An image has to be JPEG or PNG" in error.words


async def test_a_gif_that_stands_still_needs_no_ffmpeg(bare_desk: Desk):
    file = await bare_desk.prepare(IMAGE, made.picture("GIF", mode="P"))
    assert (file.kind, file.mimetype) == (IMAGE, "image/jpeg")


async def test_a_gif_that_moves_becomes_a_video_that_plays_by_itself(desk: Desk, samples: Samples):
    file = await desk.prepare(IMAGE, samples.data("moving.gif"), file_name="cat.gif", caption="meow")
    assert (file.kind, file.mimetype, file.gif) == (FileKind.VIDEO, "video/mp4", True)
    assert (file.file_name, file.caption, file.seconds) == ("cat.mp4", "meow", 2)
    assert (file.width, file.height) == (160, 120)
    assert file.thumbnail


async def test_without_ffmpeg_a_gif_that_moves_is_refused_in_words_that_help(
    bare_desk: Desk, samples: Samples
):
    error = await bare_desk.refusal(IMAGE, samples.data("moving.gif"))
    assert error.code is MediaCode.CONVERSION_UNAVAILABLE
    assert error.words == (
        "A moving GIF has to be MP4 with H.264 and AAC. Install ffmpeg on the worker, or send that."
    )


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.4\n",
        b"<html><body>not a picture</body></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        made.box(b"ftyp", b"heic\0\0\0\0mif1heic") + bytes(100),
        made.picture("BMP"),
        made.picture("TIFF"),
    ],
)
async def test_what_is_no_picture_that_we_read_is_refused(desk: Desk, data: bytes):
    assert await desk.code(IMAGE, data, mimetype="image/jpeg") is MediaCode.FILE_TYPE_NOT_SUPPORTED


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
async def test_a_picture_that_was_cut_off_is_found_out(desk: Desk, form: str, kept: float):
    data = made.noise(form, (200, 200))
    assert await desk.code(IMAGE, data[: int(len(data) * kept)]) is MediaCode.FILE_BROKEN


async def test_a_picture_of_rubbish_behind_the_right_beginning_is_found_out(desk: Desk):
    for start in (
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"GIF89a\xff\xff\xff\xff",
    ):
        assert await desk.code(IMAGE, start + bytes(range(256)) * 20) in {
            MediaCode.FILE_BROKEN,
            MediaCode.FILE_TOO_LARGE,
        }


def test_a_picture_is_opened_as_what_it_was_found_to_be_and_as_nothing_else(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(made.picture("TIFF"))
    with pytest.raises(MediaError) as caught, opened(path, forms.JPEG, 1_000_000):
        pass
    assert caught.value.code is MediaCode.FILE_BROKEN


def _bomb(side: int) -> bytes:
    """A PNG of a few hundred bytes that claims to be huge."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_500, 8_500, 12_000, 60_000, 2**31 - 1])
@pytest.mark.parametrize("kind", [IMAGE, FileKind.STICKER])
async def test_a_decompression_bomb_is_refused_before_it_is_opened(desk: Desk, side: int, kind: FileKind):
    assert await desk.code(kind, _bomb(side)) is MediaCode.FILE_TOO_LARGE


async def test_a_picture_over_the_limit_of_pixels_is_refused(make_desk: Callable[..., Desk]):
    desk = make_desk(pixels=10_000)
    error = await desk.refusal(IMAGE, made.picture("JPEG", (101, 100)))
    assert error.code is MediaCode.FILE_TOO_LARGE
    await desk.prepare(IMAGE, made.picture("JPEG", (100, 100)))


async def test_a_picture_over_the_limit_of_bytes_is_refused(make_desk: Callable[..., Desk]):
    desk = make_desk(picture=1000, sent=dict.fromkeys(FileKind, 1000))
    assert await desk.code(IMAGE, made.noise("PNG", (50, 50))) is MediaCode.FILE_TOO_LARGE
