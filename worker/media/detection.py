"""What a file is, by its content: libmagic, and a closer look where it cannot tell."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# It brings the libmagic that the next line looks for.
import pylibmagic  # noqa: F401

# isort: split
import magic

from shared.files.errors import MediaCode, MediaError
from shared.files.threads import in_thread
from worker.media import forms, mp4, ogg
from worker.media.forms import Form

_HEAD = 64 * 1024
UNKNOWN = "application/octet-stream"
_MIMETYPE = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,126}/[a-z0-9][a-z0-9.+_-]{0,126}")
# These say what the file is packed in or written with, and not what it is: there the sender may know better.
_VAGUE: Mapping[str, re.Pattern[str]] = {
    "text/plain": re.compile(r"text/(?!html).+|application/(json|xml|x-ndjson|yaml|sql|x-yaml|toml|rtf)"),
    "application/zip": re.compile(
        r"application/(vnd\.(openxmlformats|oasis|android|ms-).+|epub\+zip|java-archive|x-zip-compressed)"
    ),
    **dict.fromkeys(
        ("application/x-ole-storage", "application/CDFV2", "application/vnd.ms-office"),
        re.compile(r"application/(msword|vnd\.ms-.+|vnd\.visio)"),
    ),
    UNKNOWN: re.compile(r"application/.+|font/.+|model/.+"),
}
_LIBMAGIC: Mapping[str, Form] = {form.mimetype: form for form in forms.ALL} | {
    "audio/x-hx-aac-adts": forms.AAC,
    "audio/vnd.wave": forms.WAV,
    "audio/wav": forms.WAV,
    "audio/x-flac": forms.FLAC,
    "audio/mp3": forms.MP3,
}
_BRANDS: Mapping[bytes, Form] = {
    b"M4A": forms.M4A,
    b"M4B": forms.M4A,
    b"qt ": forms.MOV,
    b"3gp": forms.THREE_GP,
    b"3g2": forms.THREE_GP,
    b"avi": forms.AVIF,
    b"hei": forms.HEIC,
    b"hev": forms.HEIC,
    b"mif": forms.HEIC,
    b"msf": forms.HEIC,
}


@dataclass(frozen=True, slots=True)
class Detected:
    """`form` is None for all that is neither picture nor sound nor video that we can read."""

    mimetype: str
    form: Form | None


async def detect(path: Path) -> Detected:
    return await in_thread(_detect, path)


def agreed(found: str, told: str) -> str:
    """The sender is believed where the content does not tell, and nowhere else."""
    plain = told.partition(";")[0].strip().lower()
    # What libmagic takes for somebody's source code is often just text.
    vague = _VAGUE.get("text/plain" if found.startswith("text/x-") else found)
    if not _MIMETYPE.fullmatch(plain) or vague is None or not vague.fullmatch(plain):
        return found
    return plain


def _detect(path: Path) -> Detected:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise MediaError(MediaCode.FILE_EMPTY, "The file is empty. Send one that has content.")
    found = _libmagic().from_buffer(head)
    form = _closer_look(head, path) or _LIBMAGIC.get(found)
    if form is not None:
        return Detected(form.mimetype, form)
    return Detected(found if _MIMETYPE.fullmatch(found.lower()) else UNKNOWN, None)


@cache
def _libmagic() -> magic.Magic:
    return magic.Magic(mime=True)


def _closer_look(head: bytes, path: Path) -> Form | None:
    for offset, mark, look in _LOOKS:
        if head[offset : offset + len(mark)] == mark:
            return look(head, path)
    return None


def _box_file(head: bytes, path: Path) -> Form | None:
    form = _BRANDS.get(head[8:11], forms.MP4)
    if form == forms.HEIC and b"avif" in head[16:64]:
        return forms.AVIF
    if form not in {forms.MP4, forms.THREE_GP}:
        return form
    try:
        movie = mp4.read(path)
    except MediaError:
        # Good enough for a document; whoever wants to play it reads it again.
        return form
    # Many programs write sound alone under the brands of video.
    only_sound = movie.sound is not None and movie.video is None
    return forms.M4A if only_sound else form


def _ogg_file(head: bytes, _: Path) -> Form | None:
    return {ogg.Codec.OPUS: forms.OPUS, ogg.Codec.VIDEO: forms.OGV}.get(ogg.codec(head), forms.OGG)


def _matroska_file(head: bytes, _: Path) -> Form | None:
    return forms.WEBM if b"webm" in head[:64] else forms.MATROSKA


def _transport_stream(head: bytes, _: Path) -> Form | None:
    return forms.MPEG_TS if head[188:189] == head[376:377] == b"G" else None


def _iff_file(head: bytes, _: Path) -> Form | None:
    return {b"WEBP": forms.WEBP, b"WAVE": forms.WAV, b"AVI ": forms.AVI}.get(head[8:12])


_LOOKS: tuple[tuple[int, bytes, Callable[[bytes, Path], Form | None]], ...] = (
    (4, b"ftyp", _box_file),
    (0, b"OggS", _ogg_file),
    (0, b"\x1aE\xdf\xa3", _matroska_file),
    (0, b"RIFF", _iff_file),
    (0, b"caff\0\1", lambda *_: forms.CAF),
    (0, b"G", _transport_stream),
)
