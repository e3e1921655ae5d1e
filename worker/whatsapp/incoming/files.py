"""Files: what is told of them before they are fetched, and the ticket to fetch them with."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from shared.contracts.messages import FileKind, FileTicket, ReceivedFile
from worker.whatsapp.incoming import fields
from worker.whatsapp.incoming.envelope import Envelope

_LONGEST_PATH = 4096
_HASH = 32
FILES: Mapping[str, FileKind] = {
    "imageMessage": FileKind.IMAGE,
    "videoMessage": FileKind.VIDEO,
    "ptvMessage": FileKind.VIDEO,
    "audioMessage": FileKind.AUDIO,
    "documentMessage": FileKind.DOCUMENT,
    "stickerMessage": FileKind.STICKER,
}


def read_file(name: str, value: Any, envelope: Envelope) -> ReceivedFile | None:
    """None for a file that nobody could fetch or check."""
    kind = FileKind.VOICE if name == "audioMessage" and value.PTT else FILES[name]
    ticket = _ticket(kind, value)
    if ticket is None:
        return None
    return ReceivedFile(
        kind=kind,
        mimetype=fields.words(value.mimetype),
        size=ticket.size,
        file_name=fields.words(_field(value, "fileName", "") or _field(value, "title", "")),
        caption=fields.words(_field(value, "caption", "")),
        seconds=_field(value, "seconds", 0),
        width=_field(value, "width", 0),
        height=_field(value, "height", 0),
        waveform=_field(value, "waveform", b"")[:64],
        thumbnail=fields.thumbnail(_field(value, "JPEGThumbnail", b"")),
        animated=_field(value, "isAnimated", False),
        gif=_field(value, "gifPlayback", False),
        note=name == "ptvMessage",
        view_once=envelope.view_once or _field(value, "viewOnce", False),
        ticket=ticket,
    )


def _ticket(kind: FileKind, value: Any) -> FileTicket | None:
    path = fields.words(value.directPath) or _path_of(fields.words(value.URL))
    hashes = (value.mediaKey, value.fileSHA256, value.fileEncSHA256)
    if not path.startswith("/") or len(path) > _LONGEST_PATH or not path.isprintable() or " " in path:
        return None
    if any(len(part) != _HASH for part in hashes):
        return None
    return FileTicket(
        kind=kind,
        direct_path=path,
        media_key=value.mediaKey,
        sha256=value.fileSHA256,
        sealed_sha256=value.fileEncSHA256,
        size=value.fileLength,
    )


def _path_of(url: str) -> str:
    """Old messages know the address alone; where the file lies today the network tells."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if not (parts.hostname or "").endswith(".whatsapp.net"):
        return ""
    return f"{parts.path}?{parts.query}"


def _field(value: Any, name: str, missing: Any) -> Any:
    """Not every kind of file has every field."""
    return getattr(value, name, missing)
