"""Files: read, handed to the network, and described by us alone; the library's own helpers call ffmpeg."""

import os
import re
import stat
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from shared.contracts.messages import FileKind, OutgoingFile
from worker.whatsapp import library
from worker.whatsapp.fetching import LARGEST_FILE
from worker.whatsapp.outgoing.limits import LONGEST_TEXT, check_line, check_text

# What the network says of the file that it took.
Upload = Callable[[bytes, FileKind], Awaitable[Any]]

_MIMETYPE = re.compile(
    r"[A-Za-z0-9.+_-]{1,127}/[A-Za-z0-9.+_-]{1,127}(; ?[A-Za-z0-9_.-]+=[\x20-\x7e]{1,127})?"
)
_LARGEST_THUMBNAIL = 64 * 1024
_WAVEFORM = 64
_LOUDEST = 100
_LARGEST_NUMBER = 2**31 - 1
_LONGEST_NAME = 255
_CAPTIONED = frozenset({FileKind.IMAGE, FileKind.VIDEO, FileKind.DOCUMENT})
_SEEN_ONCE = frozenset({FileKind.IMAGE, FileKind.VIDEO, FileKind.AUDIO, FileKind.VOICE})
_FIELDS: Mapping[FileKind, str] = {
    FileKind.IMAGE: "imageMessage",
    FileKind.VIDEO: "videoMessage",
    FileKind.AUDIO: "audioMessage",
    FileKind.VOICE: "audioMessage",
    FileKind.DOCUMENT: "documentMessage",
    FileKind.STICKER: "stickerMessage",
}


def check_file(content: OutgoingFile) -> None:
    """Before anything is uploaded."""
    if not _MIMETYPE.fullmatch(content.mimetype):
        raise ValueError("the type of the file must be written like image/jpeg")
    check_text(content.caption, "the caption", LONGEST_TEXT, empty=True)
    check_line(content.file_name, "the name of the file", _LONGEST_NAME)
    if content.caption and (content.kind not in _CAPTIONED or content.note):
        raise ValueError(
            f"a caption is possible with {', '.join(sorted(_CAPTIONED))}, and not with this kind"
        )
    if (content.note or content.gif) and content.kind is not FileKind.VIDEO:
        raise ValueError("only a video can be a round one, or play like a GIF")
    if content.view_once and content.kind not in _SEEN_ONCE:
        raise ValueError(f"only {', '.join(sorted(_SEEN_ONCE))} can be sent for one look")
    if len(content.waveform) > _WAVEFORM or any(loudness > _LOUDEST for loudness in content.waveform):
        raise ValueError(f"a waveform is at most {_WAVEFORM} loudnesses from 0 to {_LOUDEST}")
    if len(content.thumbnail) > _LARGEST_THUMBNAIL:
        raise ValueError(f"the thumbnail is larger than {_LARGEST_THUMBNAIL // 1024} KiB")
    for number in (content.seconds, content.width, content.height):
        if not 0 <= number <= _LARGEST_NUMBER:
            raise ValueError("a length, width or height of the file is out of range")


def read_file(content: OutgoingFile) -> bytes:
    """Exactly what was prepared: whoever replaced the file meanwhile would send something else."""
    if not Path(content.path).is_absolute():
        raise ValueError("the path of the file must be absolute")
    try:
        # Without waiting, should somebody have put a pipe there.
        descriptor = os.open(content.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("the path leads to no plain file")
        if found.st_size > LARGEST_FILE:
            raise ValueError("the file is larger than 2 GiB")
        if not found.st_size:
            raise ValueError("the file is empty")
        if found.st_size != content.size:
            raise ValueError(f"the file has {found.st_size:,} bytes and not {content.size:,} as it was told")
        return file.read()


def file_message(content: OutgoingFile, uploaded: Any) -> Any:
    """The message that tells of an uploaded file."""
    name = "ptvMessage" if content.note else _FIELDS[content.kind]
    described = {
        "URL": uploaded.url,
        "directPath": uploaded.DirectPath,
        "mediaKey": uploaded.MediaKey,
        "fileSHA256": uploaded.FileSHA256,
        "fileEncSHA256": uploaded.FileEncSHA256,
        "fileLength": uploaded.FileLength,
        "mediaKeyTimestamp": int(time.time()),
        "mimetype": content.mimetype,
        **_details(content, name),
    }
    return _wrapped(library.Message(**{name: described}), content)


def _details(content: OutgoingFile, name: str) -> dict[str, Any]:
    """Of all that is known, what this kind of message has a field for."""
    fields = getattr(library.Message(), name).DESCRIPTOR.fields_by_name
    known = {
        "caption": content.caption,
        "title": content.file_name,
        "fileName": content.file_name,
        "seconds": content.seconds,
        "width": content.width,
        "height": content.height,
        "waveform": content.waveform,
        "JPEGThumbnail": content.thumbnail,
        "isAnimated": content.animated,
        "gifPlayback": content.gif,
        "PTT": content.kind is FileKind.VOICE,
        "viewOnce": content.view_once,
    }
    return {field: value for field, value in known.items() if value and field in fields}


def _wrapped(message: Any, content: OutgoingFile) -> Any:
    """As the phones do it."""
    if content.view_once:
        audio = content.kind in {FileKind.AUDIO, FileKind.VOICE}
        wrapper = "viewOnceMessageV2Extension" if audio else "viewOnceMessageV2"
        return library.Message(**{wrapper: {"message": message}})
    if content.kind is FileKind.DOCUMENT and content.caption:
        return library.Message(documentWithCaptionMessage={"message": message})
    return message
