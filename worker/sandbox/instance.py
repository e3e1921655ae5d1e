"""The one emulator that runs on a data folder: its lock, and the file that tells others where it is."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

RECORD = "sandbox.json"


class Place(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All that a worker and a control plane have to know of it."""

    proxy: str
    certificate: str
    root_key: str
    control_url: str
    control_token: str


class FolderError(Exception):
    """One line that says what is wrong with the data folder."""


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """The kernel gives the lock back when its holder dies, however that happens."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FolderError(f"{data_dir} cannot be used ({error.strerror}): name another --data") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        advice = "end it, or name another --data"
        raise FolderError(f"{data_dir} is in use by another emulator: {advice}") from None
    else:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def told_in(file: Path, place: Place) -> Iterator[None]:
    """Written whole or not at all, for its owner only; gone when the emulator ends."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
        made.write(msgspec.json.format(msgspec.json.encode(place)))
    unfinished.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
