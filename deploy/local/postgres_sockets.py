"""Where PostgreSQL's unix socket lives: the kernel takes no path longer than 107 bytes."""

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from deploy.local.errors import ServerError

_LONGEST_FOLDER = 90


def make_socket_folder(data_dir: Path, owner: int) -> Path:
    """Emptied, since the lock file of a killed server could name a pid that another process has now."""
    folder = _folder_of(data_dir)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    # In a folder for all users, somebody else could have made it first.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()} or found.st_mode & 0o077:
        raise ServerError(
            f"{folder} exists and is not a private folder of this user: remove it and start again."
        )
    if found.st_uid != owner:
        os.chown(folder, owner, -1)
    for leftover in folder.glob(".s.PGSQL.*"):
        leftover.unlink(missing_ok=True)
    return folder


def remove_socket_folder(data_dir: Path) -> None:
    with suppress(OSError):  # not there, or not empty
        _folder_of(data_dir).rmdir()


def _folder_of(data_dir: Path) -> Path:
    folder = data_dir / "sockets"
    if len(os.fsencode(folder)) < _LONGEST_FOLDER:
        return folder
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"waypost-{digest}"
