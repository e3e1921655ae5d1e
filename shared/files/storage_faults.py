"""What a storage throws, in our own words: its texts are long and name addresses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from shared.files.errors import MediaCode, MediaError

_REFUSED = "it refuses our credentials, or they do not allow this"
# The first that stands in the text of the fault.
_CAUSES = (
    ("NoSuchBucket", "there is no such bucket"),
    ("InvalidAccessKeyId", "it does not know our access key"),
    ("SignatureDoesNotMatch", "our secret key is not the right one"),
    ("AccessDenied", _REFUSED),
    ("403 Forbidden", _REFUSED),
    ("401 Unauthorized", _REFUSED),
    ("ConnectionRefused", "nothing answers at its address"),
    ("dns error", "its name is not known to the network"),
    ("TimedOut", "it does not answer in time"),
    ("BadScheme", "its address must begin with https://, or say http:// as its endpoint"),
    ("ertificate", "its certificate is not trusted"),
    ("StorageFull", "it is full"),
    ("QuotaExceeded", "it is full"),
    ("ReadOnlyFilesystem", "it is read-only"),
    ("PermissionDenied", "the worker may not write there"),
    ("169.254.169.254", "it was given no credentials"),
)


@asynccontextmanager
async def in_our_words(place: str) -> AsyncIterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        if "NoSuchBucket" in str(error):
            raise _unavailable(place, error) from None
        raise MediaError(MediaCode.FILE_GONE, "The file is not in the storage any more.") from None
    except (BaseError, OSError) as error:
        raise _unavailable(place, error) from None


def _unavailable(place: str, error: Exception) -> MediaError:
    refused = isinstance(error, PermissionDeniedError | UnauthenticatedError)
    known = (words for mark, words in _CAUSES if mark in str(error))
    cause = next(known, _REFUSED if refused else f"it fails with {type(error).__name__}")
    return MediaError(
        MediaCode.STORAGE_UNAVAILABLE, f"The storage for files ({place}) cannot be used: {cause}."
    )
