"""The folder that holds everything of one local Waypost: `.waypost` unless WAYPOST_DATA_DIR names another."""

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deploy.local.errors import LaunchError
from deploy.local.private_files import make_private_folder, write_private
from deploy.local.processes import command_line

_MARKER = "waypost-data"


@dataclass(frozen=True, slots=True)
class Launcher:
    """The one that holds the lock; zero and an empty address while it is about to write them."""

    pid: int
    api: str


class DataFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def named_by(cls, environment: Mapping[str, str]) -> "DataFolder":
        named = environment.get("WAYPOST_DATA_DIR", "").strip() or ".waypost"
        return cls(Path(named).expanduser().resolve())

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run_record(self) -> Path:
        return self.path / "run.json"

    def is_ours(self) -> bool:
        return (self.path / _MARKER).is_file()

    def prepare(self) -> None:
        """Refuses a folder with other things in it: `make clean` would delete them."""
        try:
            if not self.is_ours() and self.path.exists() and any(self.path.iterdir()):
                raise LaunchError(
                    f"{self.path} holds other files and is no data folder of Waypost: "
                    "name a new or an empty folder with WAYPOST_DATA_DIR."
                )
            make_private_folder(self.path)
            (self.path / _MARKER).touch()
            make_private_folder(self.logs)
        except OSError as error:
            raise LaunchError(
                f"{error.filename or self.path} cannot be used ({error.strerror}): "
                "name a folder that you own with WAYPOST_DATA_DIR."
            ) from error

    @contextmanager
    def locked(self) -> Iterator[IO[str]]:
        """The kernel gives the lock back when its holder dies, however that happens."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LaunchError(self._refusal(_read_launcher(file))) from None
            file.truncate()  # what a killed holder had written
            yield file
            file.truncate(0)

    def announce(self, lock: IO[str], api: str) -> None:
        """Tells whoever finds the folder locked by whom it is."""
        lock.seek(0)
        lock.truncate()
        json.dump({"pid": os.getpid(), "api": api}, lock)
        lock.flush()

    def launcher(self) -> Launcher | None:
        """The launcher that runs on this folder now."""
        try:
            with (self.path / "lock").open("r+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return _read_launcher(file)
        except FileNotFoundError:
            pass
        return None

    def master_key(self) -> str:
        path = self.path / "master.key"
        if not path.exists():
            write_private(path, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() + "\n")
        return path.read_text().strip()

    def _refusal(self, launcher: Launcher) -> str:
        at = f" at {launcher.api}" if launcher.api else ""
        return f"Waypost already runs in {self.path}{at} (pid {launcher.pid}). Stop it with: make stop"


def _read_launcher(file: IO[str]) -> Launcher:
    file.seek(0)
    try:
        written = json.load(file)
        launcher = Launcher(int(written["pid"]), str(written["api"]))
        return launcher if "deploy.local" in command_line(launcher.pid) else Launcher(0, "")
    except (ValueError, KeyError, TypeError):
        return Launcher(0, "")
