"""`make stop`: ends the Waypost of a data folder from another terminal."""

import signal
import time
from collections.abc import Mapping

from deploy.local.data_folder import DataFolder, Launcher
from deploy.local.errors import LaunchError
from deploy.local.leftovers import end_leftover_children, end_leftover_servers
from deploy.local.processes import never, send, wait_until

# Longer than all that its children may take, one after the other.
_STOP_SECONDS = 80.0


def stop(environment: Mapping[str, str]) -> int:
    folder = DataFolder.named_by(environment)
    launcher = _settled(folder)
    if launcher is not None:
        _end(launcher, folder)
        print(f"Stopped the Waypost in {folder.path} (pid {launcher.pid}).")
        return 0
    ended = end_leftover_children(folder) + end_leftover_servers(folder) if folder.is_ours() else []
    if ended:
        print(f"Stopped what a killed launcher had left in {folder.path}: {', '.join(ended)}.")
    else:
        print(f"Nothing runs in {folder.path}.")
    return 0


def _end(launcher: Launcher, folder: DataFolder) -> None:
    send(launcher.pid, signal.SIGTERM)
    if not wait_until(lambda: folder.launcher() is None, _STOP_SECONDS, never):
        raise LaunchError(f"Waypost (pid {launcher.pid}) does not end. End it with: kill -9 {launcher.pid}")


def _settled(folder: DataFolder) -> Launcher | None:
    """Whoever holds the lock is a launcher; it writes its pid a moment after it got the lock."""
    end = time.monotonic() + 20
    while (launcher := folder.launcher()) is not None and launcher.pid == 0:
        if time.monotonic() > end:
            raise LaunchError(f"{folder.path}/lock is held by a process that does not tell its pid.")
        time.sleep(0.05)
    return launcher
