"""How long MP3, AAC and AMR last: by counting their frames, for their headers lie or are missing."""

import mmap
from collections.abc import Callable, Mapping
from pathlib import Path

from shared.files.errors import MediaCode, MediaError
from worker.media import forms, mp4, ogg
from worker.media.forms import Form

_MP3_RATES = (44_100, 48_000, 32_000)
_MP3_KILOBITS = {
    # Of layers 1 to 3 in MPEG 1, and of layer 1, and 2 and 3, in MPEG 2.
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_AAC_RATES = (
    96_000,
    88_200,
    64_000,
    48_000,
    44_100,
    32_000,
    24_000,
    22_050,
    16_000,
    12_000,
    11_025,
    8_000,
    7_350,
)
_AMR_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6)
_AMR_WIDE_BYTES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6)
_AMR_MARK, _AMR_WIDE_MARK = b"#!AMR\n", b"#!AMR-WB\n"
_AMR_SECONDS = 0.02
# So much between frames is stepped over; some programs leave rubbish there.
_MOST_RUBBISH = 64 * 1024

# How many bytes the frame at a position takes and how many seconds it lasts; none where there is no frame.
_Frame = tuple[int, float] | None
_Data = bytes | mmap.mmap


def seconds_of(path: Path, form: Form) -> float:
    if form == forms.M4A:
        return mp4.read(path).seconds
    if form == forms.OPUS:
        return ogg.read_opus(path).seconds
    start, frame_at = _WAYS[form]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        seconds = _count(data, start(data), frame_at)
    if not seconds:
        words = "No sound was found in the file. Was it cut off, or is it something else?"
        raise MediaError(MediaCode.FILE_BROKEN, words)
    return seconds


def _count(data: _Data, position: int, frame_at: Callable[[_Data, int], _Frame]) -> float:
    seconds, rubbish = 0.0, 0
    while position < len(data) and rubbish <= _MOST_RUBBISH:
        frame = frame_at(data, position)
        if frame is None:
            position, rubbish = position + 1, rubbish + 1
            continue
        position, seconds = position + frame[0], seconds + frame[1]
    return seconds


def _behind_id3(data: _Data) -> int:
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = 0
    for seven_bits in data[6:10]:
        size = size << 7 | seven_bits & 0x7F
    return 10 + size


def _mp3_frame(data: _Data, at: int) -> _Frame:
    header = data[at : at + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    kilobits, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or kilobits in {0, 15} or rate == 3:
        return None
    first = version == 3
    hertz = _MP3_RATES[rate] // (1 if first else 2 if version == 2 else 4)
    bits = _MP3_KILOBITS[1 if first else 2, layer if first else min(layer, 2)][kilobits - 1] * 1000
    samples = 384 if layer == 1 else 576 if layer == 3 and not first else 1152
    padding = (header[2] >> 1 & 1) * (4 if layer == 1 else 1)
    length = 12 * bits // hertz * 4 + padding if layer == 1 else samples // 8 * bits // hertz + padding
    return length, samples / hertz


def _aac_frame(data: _Data, at: int) -> _Frame:
    header = data[at : at + 7]
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return None
    rate = header[2] >> 2 & 15
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    if rate >= len(_AAC_RATES) or length < 7:
        return None
    return length, 1024 * ((header[6] & 3) + 1) / _AAC_RATES[rate]


def _amr_frame(data: _Data, at: int) -> _Frame:
    sizes = _AMR_WIDE_BYTES if data[: len(_AMR_WIDE_MARK)] == _AMR_WIDE_MARK else _AMR_BYTES
    kind = data[at] >> 3 & 15
    if data[at] & 0x83:
        return None
    # Frames of no sound are one byte long.
    return (sizes[kind] if kind < len(sizes) else 1), _AMR_SECONDS


def _behind_mark(data: _Data) -> int:
    wide = data[: len(_AMR_WIDE_MARK)] == _AMR_WIDE_MARK
    return len(_AMR_WIDE_MARK if wide else _AMR_MARK)


_WAYS: Mapping[Form, tuple[Callable[[_Data], int], Callable[[_Data, int], _Frame]]] = {
    forms.MP3: (_behind_id3, _mp3_frame),
    forms.AAC: (_behind_id3, _aac_frame),
    forms.AMR: (_behind_mark, _amr_frame),
}
