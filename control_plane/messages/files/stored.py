"""What is told of a file that is handed in, by its message and by where it came from."""

import mimetypes
import re

from control_plane.http.held_files import HeldFile
from control_plane.messages.files.bodies import AnyFile
from shared.contracts.messages import StoredFile
from shared.files.names import safe_name

UNKNOWN = "application/octet-stream"
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,126}/[a-z0-9][a-z0-9.+_-]{0,126}")
_OPTIONS = ("caption", "view_once", "gif", "note", "convert")


def stored_file(body: AnyFile, file: HeldFile, key: str) -> StoredFile:
    """What the message says goes before what came with the file."""
    name = safe_name(body.media.file_name or file.file_name)
    told = (_plain(body.media.content_type or ""), _plain(file.content_type))
    options = {option: getattr(body, option) for option in _OPTIONS if hasattr(body, option)}
    return StoredFile(
        kind=body.kind,
        key=key,
        size=file.size,
        sha256=file.sha256,
        mimetype=next((one for one in told if one and one != UNKNOWN), mimetypes.guess_type(name)[0] or ""),
        file_name=name,
        **options,
    )


def _plain(content_type: str) -> str:
    """Without its parameters; empty where it is none."""
    plain = content_type.partition(";")[0].strip().lower()
    return plain if _CONTENT_TYPE.fullmatch(plain) else ""
