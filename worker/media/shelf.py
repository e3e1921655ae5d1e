"""The worker's folder for files under way: everything in it belongs to a tray, and ends with it."""

import contextlib
import os
import re
import secrets
import shutil
import stat
from io import FileIO
from pathlib import Path
from typing import Self

from shared.files.threads import in_thread

_TRAY = re.compile(r"tray-[0-9a-f]{32}")
_EXTENSION = re.compile(r"[a-z0-9]{1,10}")


class Shelf:
    """Only one process at a time may use a folder: what stands in it at the start is thrown away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self._folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise ValueError(f"{folder} must be a folder of the user that the worker runs as")
        self._folder.chmod(0o700)
        for leftover in self._folder.iterdir():
            # Nothing else: the folder may have been named by mistake.
            if _TRAY.fullmatch(leftover.name):
                shutil.rmtree(leftover, ignore_errors=True)

    def tray(self) -> "Tray":
        folder = self._folder / f"tray-{secrets.token_hex(16)}"
        folder.mkdir(mode=0o700)
        return Tray(folder)

    def tray_of(self, path: Path) -> "Tray":
        """Where a file stands; it has to be a plain one, of this shelf."""
        folder = path.parent
        ours = folder.parent == self._folder and _TRAY.fullmatch(folder.name)
        if not ours or not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError("the file does not stand on this worker's shelf")
        return Tray(folder)


class Tray:
    """The files of one piece of work, all removed together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.clear()

    def place(self, extension: str = "") -> Path:
        """For a file that is not there yet."""
        if extension and not _EXTENSION.fullmatch(extension):
            raise ValueError("an extension is 1 to 10 small letters and digits")
        return self._folder / (secrets.token_hex(16) + (f".{extension}" if extension else ""))

    def create(self, path: Path) -> FileIO:
        """Unbuffered, so that closing it cannot fail."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return FileIO(os.open(path, flags, 0o600), "w")

    async def clear(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            await in_thread(shutil.rmtree, self._folder)
