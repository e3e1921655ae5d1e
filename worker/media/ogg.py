"""The pages of OGG files: which codec, how many channels, how long, and whether they are all there."""

import mmap
import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from shared.files.errors import MediaCode, MediaError

_HEADER = struct.Struct("<4sBBqIIIB")
# Opus counts in these, whatever the sound was recorded with.
_OPUS_RATE = 48_000
_MOST_PAGES = 1_000_000
_UNFINISHED = -1


class Codec(StrEnum):
    OPUS = "opus"
    VIDEO = "video"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class OpusFile:
    """`plain` is one stream in all, with every page of it there."""

    channels: int
    seconds: float
    plain: bool


def codec(head: bytes) -> Codec:
    """By the first page of each stream, for sound may stand beside a picture."""
    codecs, position = set(), 0
    while position + _HEADER.size <= len(head):
        mark, _, flags, *_, segments = _HEADER.unpack_from(head, position)
        if mark != b"OggS" or not flags & 2:
            break
        content = position + _HEADER.size + segments
        codecs.add(_codec_of(head[content : content + 8]))
        position = content + sum(head[position + _HEADER.size : content])
    if Codec.VIDEO in codecs:
        return Codec.VIDEO
    return Codec.OPUS if codecs == {Codec.OPUS} else Codec.OTHER


def _codec_of(start: bytes) -> Codec:
    if start == b"OpusHead":
        return Codec.OPUS
    video = start.startswith((b"\x80theora", b"BBCD", b"fishead", b"\x01video", b"OVP80"))
    return Codec.VIDEO if video else Codec.OTHER


def read_opus(path: Path) -> OpusFile:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read_opus(data)
    except (struct.error, IndexError):
        words = "The OGG file cannot be read. Was it cut off?"
        raise MediaError(MediaCode.FILE_BROKEN, words) from None


def _read_opus(data: mmap.mmap) -> OpusFile:
    _, _, _, _, stream, _, _, segments = _HEADER.unpack_from(data)
    channels, skipped = struct.unpack_from("<BH", data, _HEADER.size + segments + 9)
    position, last, plain = 0, 0, True
    for _ in range(_MOST_PAGES):
        if position >= len(data):
            break
        mark, _, _, granule, serial, _, _, segments = _HEADER.unpack_from(data, position)
        if mark != b"OggS" or serial != stream:
            plain = False
            break
        content = position + _HEADER.size + segments
        position = content + sum(data[position + _HEADER.size : content])
        if granule != _UNFINISHED:
            last = granule
    return OpusFile(channels, max(0, last - skipped) / _OPUS_RATE, plain and position == len(data))
