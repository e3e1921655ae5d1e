"""What people send us of files: the kinds, and the ways in which a file is handed in."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from control_plane.accounts.schemas import Body
from shared.contracts.messages import FileKind

To = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=100, description="A number with its country code, or a chat id"),
]
MessageId = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Caption = Annotated[str, msgspec.Meta(max_length=65_536)]


class Outgoing(Body, tag_field="type"):
    """`sendAt` plans it; `expiresIn` is for how long it may wait for its session, a day if nothing is said.

    Replies go before what is normal, and that before bulk; within each the order is kept.
    """

    to: To
    send_at: datetime | None = None
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=604_800, description="In seconds")] | None = None
    priority: Literal["reply", "normal", "bulk"] | None = None
    typing_seconds: Annotated[
        int, msgspec.Meta(ge=0, le=20, description="The chat shows for so long that somebody types")
    ] = 0


class Answering(Outgoing):
    """`replyTo` names a message of the same chat, by our id or WhatsApp's."""

    reply_to: MessageId | None = None
    mentions: Annotated[list[To], msgspec.Meta(max_length=1024)] = msgspec.field(default_factory=list)


class MediaBody(Body):
    """Exactly one of `url` and `base64`; in a form neither, for there the part `file` is it."""

    url: Annotated[str, msgspec.Meta(min_length=1, description="Public; fetched once, at once")] | None = None
    base64: Annotated[str, msgspec.Meta(description="Of 16 MiB at most")] | None = None
    content_type: (
        Annotated[
            str,
            msgspec.Meta(
                max_length=200,
                pattern=r"^[A-Za-z0-9][\w.+-]*/[\w.+-]+\s*(;[ -~]*)?$",
                description="Believed where the content does not tell",
            ),
        ]
        | None
    ) = None
    file_name: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class WithFile(Answering, kw_only=True):
    """`convert` allows to make of it what WhatsApp takes."""

    media: MediaBody = msgspec.field(default_factory=MediaBody)

    @property
    def kind(self) -> FileKind:
        return FileKind(str(self.__struct_config__.tag))


class SendImage(WithFile, kw_only=True, tag="image"):
    """JPEG and PNG go out as they are; a GIF that moves becomes a video that plays by itself."""

    caption: Caption = ""
    view_once: bool = False
    convert: bool = True


class SendVideo(WithFile, kw_only=True, tag="video"):
    """`gif` plays by itself without sound; `note` is a round one."""

    caption: Caption = ""
    view_once: bool = False
    gif: bool = False
    note: bool = False
    convert: bool = True


class SendAudio(WithFile, kw_only=True, tag="audio"):
    view_once: bool = False
    convert: bool = True


class SendVoice(WithFile, kw_only=True, tag="voice"):
    """As if it were spoken into the phone: OGG with Opus, or what can be made into it."""

    view_once: bool = False
    convert: bool = True


class SendDocument(WithFile, kw_only=True, tag="document"):
    """Any file, as it is."""

    caption: Caption = ""


class SendSticker(WithFile, kw_only=True, tag="sticker"):
    """A WebP of 512 by 512, or what can be made into it."""

    convert: bool = True


AnyFile = SendImage | SendVideo | SendAudio | SendVoice | SendDocument | SendSticker
