"""Forms for the kinds of messages that carry a file."""

from typing import Annotated, Any

import msgspec

from worker.sandbox import media
from worker.sandbox.control.writing import Desk, Form, Line, Seconds
from worker.sandbox.message_kinds import Outgoing

Mimetype = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Caption = Annotated[str, msgspec.Meta(max_length=100_000)]


class FileForm(Form, frozen=True, kw_only=True):
    """`data` in base64."""

    data: bytes
    mimetype: Mimetype
    view_once: bool = False

    def details(self) -> dict[str, Any]:
        return {}

    def outgoing(self, desk: Desk) -> Outgoing:
        kind = str(self.__struct_config__.tag)
        content = media.file_message(desk.network.media, kind, self.data, self.mimetype, **self.details())
        return Outgoing(content, "media")


class CaptionedForm(FileForm, frozen=True, kw_only=True):
    caption: Caption = ""

    def details(self) -> dict[str, Any]:
        return {"caption": self.caption} if self.caption else {}


class ImageForm(CaptionedForm, frozen=True, kw_only=True, tag="image"):
    mimetype: Mimetype = "image/jpeg"


class VideoForm(CaptionedForm, frozen=True, kw_only=True, tag="video"):
    mimetype: Mimetype = "video/mp4"


class GifForm(CaptionedForm, frozen=True, kw_only=True, tag="gif"):
    mimetype: Mimetype = "video/mp4"


class VideoNoteForm(FileForm, frozen=True, kw_only=True, tag="video_note"):
    mimetype: Mimetype = "video/mp4"


class StickerForm(FileForm, frozen=True, kw_only=True, tag="sticker"):
    mimetype: Mimetype = "image/webp"


class DocumentForm(CaptionedForm, frozen=True, kw_only=True, tag="document"):
    file_name: Line = ""

    def details(self) -> dict[str, Any]:
        named = {"fileName": self.file_name, "title": self.file_name} if self.file_name else {}
        return super().details() | named


class SoundForm(FileForm, frozen=True, kw_only=True):
    seconds: Seconds = 0

    def details(self) -> dict[str, Any]:
        return {"seconds": self.seconds} if self.seconds else {}


class AudioForm(SoundForm, frozen=True, kw_only=True, tag="audio"):
    mimetype: Mimetype = "audio/mpeg"


class VoiceForm(SoundForm, frozen=True, kw_only=True, tag="voice"):
    mimetype: Mimetype = "audio/ogg; codecs=opus"
