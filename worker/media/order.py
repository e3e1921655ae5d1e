"""One piece of preparation: what was asked for, with what, and what came out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.messages import FileKind
from shared.files.errors import MediaCode, MediaError
from worker.media import forms
from worker.media.ffmpeg import Ffmpeg
from worker.media.forms import Form
from worker.media.limits import Limits
from worker.media.shelf import Tray

_NAMES: Mapping[FileKind, str] = {
    FileKind.IMAGE: "An image",
    FileKind.VIDEO: "A video",
    FileKind.AUDIO: "An audio file",
    FileKind.VOICE: "A voice note",
    FileKind.DOCUMENT: "A document",
    FileKind.STICKER: "A sticker",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    kind: FileKind
    path: Path
    size: int
    form: Form | None
    tray: Tray
    limits: Limits
    ffmpeg: Ffmpeg | None
    convert: bool = True
    gif: bool = False
    note: bool = False

    def converter(self, wanted: str, advice: str) -> Ffmpeg:
        """`wanted` is what this kind has to be, `advice` what the sender may send without a conversion."""
        self.check_convertible(wanted)
        if self.ffmpeg is None:
            words = f"{self._of_kind()} has to be {wanted}. Install ffmpeg on the worker, or send {advice}."
            raise MediaError(MediaCode.CONVERSION_UNAVAILABLE, words)
        return self.ffmpeg

    def check_convertible(self, wanted: str) -> None:
        if not self.convert:
            words = f"{self._of_kind()} has to be {wanted}. Send that, or allow the conversion."
            raise MediaError(MediaCode.FILE_TYPE_NOT_SUPPORTED, words)

    def unsuitable(self, accepted: str) -> MediaError:
        words = f"{self._of_kind()} can be made of {accepted}, and of nothing else. Send that, or a document."
        return MediaError(MediaCode.FILE_TYPE_NOT_SUPPORTED, words)

    def _of_kind(self) -> str:
        if self.form == forms.GIF and self.kind is FileKind.VIDEO:
            return "A moving GIF"
        return _NAMES[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """`kind` differs from the order's where a picture that moves became a video."""

    kind: FileKind
    path: Path
    mimetype: str
    extension: str
    seconds: int = 0
    width: int = 0
    height: int = 0
    waveform: bytes = b""
    thumbnail: bytes = b""
    animated: bool = False
    gif: bool = False
