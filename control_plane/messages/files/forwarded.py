"""What of a message's file goes on when it is forwarded."""

from typing import Any

from control_plane.messages.models import Message
from shared.contracts.messages import FileKind, StoredFile

WITH_FILES = frozenset(kind.value for kind in FileKind)


def copy_of(message: Message, key: str) -> StoredFile | None:
    """None where no file is kept, or where it was to be seen once only."""
    told, content = message.media or {}, message.content
    if message.type not in WITH_FILES or "key" not in told or content.get("view_once") or message.revoked_at:
        return None
    options: dict[str, Any] = {name: bool(content.get(name)) for name in ("gif", "note")}
    return StoredFile(
        kind=FileKind(message.type),
        key=key,
        size=int(told["size"]),
        sha256=bytes.fromhex(told["sha256"]),
        mimetype=str(told["contentType"]),
        file_name=str(content.get("file_name") or ""),
        caption=message.text or "",
        **options,
    )
