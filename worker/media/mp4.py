"""The boxes of MP4, MOV, M4A and 3GP files: how long, how large, and written with what."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shared.files.errors import MediaCode, MediaError

_LARGEST_INDEX = 32 * 1024**2
_MOST_BOXES = 10_000
_MOST_TRACKS = 32
_H264_OF_PHONES = frozenset({66, 77, 88, 100})
_LONGEST = 10 * 24 * 3600
_LARGEST_SIDE = 16_384


@dataclass(frozen=True, slots=True)
class Track:
    """`profile` is H.264's own number for what its player must be able to do, 0 for others."""

    codec: str
    width: int = 0
    height: int = 0
    profile: int = 0


@dataclass(frozen=True, slots=True)
class Movie:
    """`whole` is false when the file ends before its boxes do, `fragmented` if its index is strewn about."""

    seconds: float
    whole: bool
    fragmented: bool
    video: Track | None
    sound: Track | None

    @property
    def plays_on_phones(self) -> bool:
        """H.264 of eight bits with AAC or without sound."""
        video, sound = self.video, self.sound
        if video is None or video.codec not in {"avc1", "avc3"} or video.profile not in _H264_OF_PHONES:
            return False
        return sound is None or sound.codec == "mp4a"


_Box = tuple[bytes, memoryview]


def read(path: Path) -> Movie:
    try:
        with path.open("rb") as file:
            index, whole = _index(file, path.stat().st_size)
        return _movie(memoryview(index), whole)
    except (struct.error, IndexError, ValueError):
        words = "The file begins like an MP4, but its index cannot be read. Was it cut off?"
        raise MediaError(MediaCode.FILE_BROKEN, words) from None


def _index(file: BinaryIO, size: int) -> tuple[bytes, bool]:
    """The box `moov`, wherever it stands."""
    position, index = 0, b""
    for _ in range(_MOST_BOXES):
        if position >= size:
            break
        file.seek(position)
        header = file.read(16)
        length, name = struct.unpack_from(">I4s", header)
        start = 8
        if length == 1:
            (length,), start = struct.unpack_from(">Q", header, 8), 16
        elif length == 0:
            length = size - position
        if length < start:
            raise ValueError("a box is smaller than its own header")
        if name == b"moov" and not index and length <= _LARGEST_INDEX:
            file.seek(position + start)
            index = file.read(length - start)
        position += length
    if not index:
        raise ValueError("there is no index")
    return index, position == size


def _boxes(data: memoryview) -> Iterator[_Box]:
    position = 0
    for _ in range(_MOST_BOXES):
        if position + 8 > len(data):
            return
        length, name = struct.unpack_from(">I4s", data, position)
        length = length or len(data) - position
        if length < 8 or position + length > len(data):
            raise ValueError("a box ends outside of the one that it is in")
        yield name, data[position + 8 : position + length]
        position += length


def _inside(data: memoryview, *names: bytes) -> memoryview | None:
    for name in names:
        found = next((content for box, content in _boxes(data) if box == name), None)
        if found is None:
            return None
        data = found
    return data


def _movie(index: memoryview, whole: bool) -> Movie:
    header = _inside(index, b"mvhd")
    if header is None:
        raise ValueError("the index has no header")
    video = sound = None
    tracks = [content for name, content in _boxes(index) if name == b"trak"]
    for track in tracks[:_MOST_TRACKS]:
        handler = _inside(track, b"mdia", b"hdlr")
        kind = bytes(handler[8:12]) if handler is not None else b""
        if kind == b"vide" and video is None:
            video = _video_track(track)
        elif kind == b"soun" and sound is None:
            sound = Track(_codec(track)[0])
    return Movie(_seconds(header), whole, _inside(index, b"mvex") is not None, video, sound)


def _seconds(header: memoryview) -> float:
    scale, length = (
        struct.unpack_from(">IQ", header, 20) if header[0] else struct.unpack_from(">II", header, 12)
    )
    seconds = length / scale if scale else 0.0
    return seconds if seconds <= _LONGEST else 0.0


def _codec(track: memoryview) -> tuple[str, memoryview]:
    """The first description of samples."""
    table = _inside(track, b"mdia", b"minf", b"stbl", b"stsd")
    if table is None:
        raise ValueError("a track does not tell what it is written with")
    name, content = next(_boxes(table[8:]), (b"", table[:0]))
    return bytes(name).decode("latin-1"), content


def _video_track(track: memoryview) -> Track:
    header = _inside(track, b"tkhd")
    if header is None:
        raise ValueError("a track has no header")
    matrix = 52 if header[0] else 40
    across, _, _, _, down = struct.unpack_from(">5i", header, matrix)
    width, height = (side >> 16 for side in struct.unpack_from(">2I", header, matrix + 36))
    if not 0 < width <= _LARGEST_SIDE or not 0 < height <= _LARGEST_SIDE:
        width = height = 0
    if across == down == 0:
        width, height = height, width
    codec, content = _codec(track)
    # Behind the fixed fields of a picture's description stand boxes; that of H.264 begins with its profile.
    settings = _inside(content[78:], b"avcC") if codec.startswith("avc") else None
    return Track(codec, width, height, settings[1] if settings is not None else 0)
