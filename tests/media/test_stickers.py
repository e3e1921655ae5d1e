"""Stickers on their way out."""

from pathlib import Path

import pytest

from shared.contracts.messages import FileKind
from shared.files.errors import MediaCode
from tests.media import samples as made
from tests.media.conftest import Desk
from tests.media.samples import Samples

STICKER = FileKind.STICKER


def _sent(path: str) -> bytes:
    return Path(path).read_bytes()


async def test_a_sticker_that_is_right_goes_out_byte_for_byte(bare_desk: Desk):
    data = made.picture("WEBP", (512, 512), "RGBA", (9, 90, 200, 128))
    file = await bare_desk.prepare(STICKER, data)
    assert _sent(file.path) == data
    assert (file.mimetype, file.width, file.height, file.animated) == ("image/webp", 512, 512, False)


async def test_a_moving_sticker_that_is_right_goes_out_byte_for_byte(bare_desk: Desk):
    data = made.animation("WEBP", (512, 512), 6, 100)
    file = await bare_desk.prepare(STICKER, data)
    assert (_sent(file.path), file.animated) == (data, True)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize("size", [(300, 200), (1000, 1500), (1, 1)])
async def test_any_picture_becomes_one_of_512_by_512(bare_desk: Desk, form: str, size: tuple[int, int]):
    file = await bare_desk.prepare(STICKER, made.picture(form, size))
    sticker = made.opened(_sent(file.path))
    assert (sticker.format, sticker.size) == ("WEBP", (512, 512))
    assert not file.animated


async def test_the_shape_is_kept_and_the_rest_is_clear(bare_desk: Desk):
    file = await bare_desk.prepare(STICKER, made.picture("PNG", (400, 200), color=(255, 0, 0)))
    sticker = made.opened(_sent(file.path)).convert("RGBA")
    assert sticker.getpixel((256, 10))[3] == 0  # type: ignore[index]
    assert sticker.getpixel((256, 500))[3] == 0  # type: ignore[index]
    red = sticker.getpixel((256, 256))
    assert red[0] > 240  # type: ignore[index]
    assert red[3] == 255  # type: ignore[index]


async def test_the_quality_goes_down_until_it_is_small_enough(bare_desk: Desk):
    file = await bare_desk.prepare(STICKER, made.noise("PNG", (512, 512)))
    assert file.size <= 100_000


async def test_a_webp_that_is_right_but_too_heavy_is_made_lighter(bare_desk: Desk):
    data = made.noise("WEBP", (512, 512), quality=95)
    assert len(data) > 100_000
    assert (await bare_desk.prepare(STICKER, data)).size <= 100_000


@pytest.mark.parametrize(("form", "frames"), [("GIF", 12), ("WEBP", 12), ("PNG", 12)])
async def test_what_moves_stays_moving_and_lasts_as_long(bare_desk: Desk, form: str, frames: int):
    file = await bare_desk.prepare(STICKER, made.animation(form, (200, 100), frames, 100))
    assert file.animated
    assert file.size <= 500_000
    sticker = made.opened(_sent(file.path))
    assert (sticker.size, sticker.n_frames) == ((512, 512), frames)  # type: ignore[attr-defined]
    assert _length(sticker) == frames * 100


def _length(sticker: object) -> int:
    total = 0
    for number in range(sticker.n_frames):  # type: ignore[attr-defined]
        sticker.seek(number)  # type: ignore[attr-defined]
        sticker.load()  # type: ignore[attr-defined]
        total += sticker.info["duration"]  # type: ignore[attr-defined]
    return total


async def test_frames_are_left_out_where_that_makes_it_small_enough(bare_desk: Desk):
    data = made.animation("GIF", (120, 120), 20, 100, noisy=True)
    file = await bare_desk.prepare(STICKER, data)
    sticker = made.opened(_sent(file.path))
    assert file.size <= 500_000
    assert 1 < sticker.n_frames <= 20  # type: ignore[attr-defined]
    assert _length(sticker) == 2000


async def test_a_long_and_hasty_animation_is_cut_to_what_phones_play(bare_desk: Desk):
    data = made.animation("GIF", (60, 60), 530, 20)
    sticker = made.opened(_sent((await bare_desk.prepare(STICKER, data)).path))
    assert sticker.n_frames <= 130  # type: ignore[attr-defined]
    assert 9_900 <= _length(sticker) <= 10_100


async def test_an_animation_of_too_many_pixels_is_refused(make_desk):
    desk = make_desk(animation_pixels=100_000)
    data = made.animation("GIF", (200, 200), 5, 100)
    assert await desk.code(STICKER, data) is MediaCode.FILE_TOO_LARGE


async def test_nothing_is_converted_against_the_senders_will(bare_desk: Desk):
    error = await bare_desk.refusal(STICKER, made.picture("PNG"), convert=False)
    assert error.code is MediaCode.FILE_TYPE_NOT_SUPPORTED
    assert error.words.startswith("A sticker has to be a WebP of 512 by 512")


async def test_a_moving_webp_that_was_cut_off_is_found_out(bare_desk: Desk):
    data = made.animation("WEBP", (512, 512), 6, 100, noisy=True)
    assert await bare_desk.code(STICKER, data[: len(data) // 2]) is MediaCode.FILE_BROKEN


async def test_video_and_words_are_no_sticker(desk: Desk, samples: Samples):
    for data in (samples.data("plain.mp4"), b"just words"):
        assert await desk.code(STICKER, data) is MediaCode.FILE_TYPE_NOT_SUPPORTED
