"""Real files for the tests: made by Pillow and ffmpeg, and some by hand, byte after byte."""

import io
import struct
import subprocess
from pathlib import Path
from typing import Any

from PIL import Image

TEST_PICTURE = ("-f", "lavfi", "-i", "testsrc=s=160x120:d=2:r=10")
TONE = ("-f", "lavfi", "-i", "sine=440:d=2")
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast")
RECIPES: dict[str, tuple[str, ...]] = {
    "plain.mp4": (*TEST_PICTURE, *TONE, *H264, "-c:a", "aac"),
    "index-first.mp4": (*TEST_PICTURE, *TONE, *H264, "-c:a", "aac", "-movflags", "+faststart"),
    "silent.mp4": (*TEST_PICTURE, *H264),
    "fragmented.mp4": (*TEST_PICTURE, *TONE, *H264, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "turned.mp4": ("-display_rotation", "90", "-i", "plain.mp4", "-c", "copy"),
    "ten-bit.mp4": (*TEST_PICTURE, "-c:v", "libx264", "-pix_fmt", "yuv420p10le"),
    "hevc.mp4": (*TEST_PICTURE, "-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p"),
    "only-sound.mp4": (*TONE, "-c:a", "aac"),
    "camera.mov": (*TEST_PICTURE, *TONE, *H264, "-c:a", "aac"),
    "screen.webm": (*TEST_PICTURE, *TONE, "-c:v", "libvpx", "-c:a", "libopus"),
    "screen.mkv": (*TEST_PICTURE, *TONE, *H264, "-c:a", "aac"),
    "old.avi": (*TEST_PICTURE, *TONE, "-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "old.flv": (*TEST_PICTURE, *TONE, "-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"),
    "old.wmv": (*TEST_PICTURE, *TONE, "-c:v", "wmv2", "-c:a", "wmav2"),
    "tv.ts": (*TEST_PICTURE, *TONE, *H264, "-c:a", "aac"),
    "tv.mpg": (*TEST_PICTURE, *TONE, "-c:v", "mpeg1video", "-c:a", "mp2", "-r", "25"),
    "phone.3gp": (*TEST_PICTURE, *TONE, "-c:v", "h263", "-s", "176x144", "-c:a", "aac"),
    "moving.gif": (*TEST_PICTURE, "-loop", "0"),
    "moving.webp": (*TEST_PICTURE, "-c:v", "libwebp_anim"),
    "song.mp3": (*TONE,),
    "bare.mp3": (*TONE, "-id3v2_version", "0", "-write_xing", "0"),
    "song.m4a": (*TONE, "-c:a", "aac"),
    "song.aac": (*TONE, "-c:a", "aac"),
    "song.amr": (*TONE, "-ar", "8000", "-ac", "1", "-c:a", "libopencore_amrnb"),
    "song.wav": (*TONE,),
    "song.flac": (*TONE,),
    "song.aiff": (*TONE,),
    "song.caf": (*TONE,),
    "vorbis.ogg": (*TONE, "-c:a", "libvorbis"),
    "note.ogg": (*TONE, "-c:a", "libopus", "-ac", "1"),
    "stereo.ogg": (*TONE, "-c:a", "libopus", "-ac", "2"),
    "silence.ogg": ("-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono:d=2", "-c:a", "libopus"),
    "growing.wav": (
        "-f",
        "lavfi",
        "-i",
        "aevalsrc=t/4*sin(2764*t):d=4:s=16000",
    ),
    "long.wav": ("-f", "lavfi", "-i", "sine=440:d=30:r=8000"),
}


class Samples:
    """Each is made when it is first asked for."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._folder = folder
        self._program = program

    def path(self, name: str) -> Path:
        path = self._folder / name
        if not path.exists():
            if name == "turned.mp4":
                self.path("plain.mp4")
            command = [str(self._program), "-loglevel", "error", "-nostdin", *RECIPES[name], path.name]
            subprocess.run(command, cwd=self._folder, check=True)
        return path

    def data(self, name: str) -> bytes:
        return self.path(name).read_bytes()


def picture(
    form: str, size: tuple[int, int] = (300, 200), mode: str = "RGB", color: Any = None, **options: Any
) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, color if color is not None else 0).save(written, form, **options)
    return written.getvalue()


def noise(form: str, size: tuple[int, int], **options: Any) -> bytes:
    """The hardest there is to make small."""
    written = io.BytesIO()
    bands = [Image.effect_noise(size, 100) for _ in range(3)]
    Image.merge("RGB", bands).save(written, form, **options)
    return written.getvalue()


def animation(form: str, size: tuple[int, int], frames: int, duration: int, *, noisy: bool = False) -> bytes:
    written = io.BytesIO()
    if noisy:
        pictures = [Image.effect_noise(size, 100).convert("RGB") for _ in range(frames)]
    else:
        pictures = [
            Image.new("RGB", size, (frame * 20 % 256, 90, 255 - frame * 20 % 256)) for frame in range(frames)
        ]
    options: dict[str, Any] = {
        "save_all": True,
        "append_images": pictures[1:],
        "duration": duration,
        "loop": 0,
    }
    pictures[0].save(written, form, **options)
    return written.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def page(payload: bytes, *, serial: int = 7, granule: int = 0, flags: int = 0, number: int = 0) -> bytes:
    """Of an OGG file; nobody here looks at the checksum."""
    lacing = bytes([255] * (len(payload) // 255) + [len(payload) % 255])
    header = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, number, 0, len(lacing))
    return header + lacing + payload


def opus_head(channels: int = 1, skipped: int = 312) -> bytes:
    return struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, skipped, 48_000, 0, 0)


def opus_file(seconds: float, channels: int = 1) -> bytes:
    last = int(seconds * 48_000) + 312
    return b"".join(
        (
            page(opus_head(channels), flags=2),
            page(b"OpusTags" + bytes(8), number=1),
            page(bytes(200), granule=last // 2, number=2),
            page(bytes(200), granule=last, flags=4, number=3),
        )
    )


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content
