"""What may be wrong with a file, for programs to tell apart and for people to read."""

from enum import StrEnum


class MediaCode(StrEnum):
    FILE_TOO_LARGE = "file_too_large"
    FILE_EMPTY = "file_empty"
    FILE_TYPE_NOT_SUPPORTED = "file_type_not_supported"
    FILE_BROKEN = "file_broken"
    # It stopped coming.
    FILE_INCOMPLETE = "file_incomplete"
    # Nobody has it any more.
    FILE_GONE = "file_gone"
    # It is not what its message promised.
    FILE_ALTERED = "file_altered"
    CONVERSION_UNAVAILABLE = "conversion_unavailable"
    CONVERSION_FAILED = "conversion_failed"
    CONVERSION_TOO_SLOW = "conversion_too_slow"
    STORAGE_UNAVAILABLE = "storage_unavailable"


class MediaError(Exception):
    """The words tell the sender of the file what to do."""

    def __init__(self, code: MediaCode, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


def readable_size(size: int) -> str:
    for unit, name in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


def too_large(what: str, limit: int) -> MediaError:
    words = f"{what} is larger than {readable_size(limit)}, the most that is possible. Make it smaller."
    return MediaError(MediaCode.FILE_TOO_LARGE, words)
