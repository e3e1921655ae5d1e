"""What a launcher that was killed may have left running, found again by what it wrote down."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from deploy.local.children import CHILDREN, SANDBOX
from deploy.local.data_folder import DataFolder
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.processes import command_line, end_group, is_running, never, send, wait_until
from deploy.local.run_record import read_run_record
from deploy.local.valkey import EmbeddedValkey


def end_leftover_children(folder: DataFolder, hurry: Callable[[], bool] = never) -> list[str]:
    """The leash has told them to end already; here they get the time for it, and no more."""
    ended = []
    pids = read_run_record(folder.run_record).get("pids", {})
    for row in reversed((SANDBOX, *CHILDREN)):
        pid = pids.get(row.name)
        if isinstance(pid, int) and _is_ours(pid, " ".join(row.arguments), folder.path):
            send(pid, signal.SIGTERM)
            wait_until(lambda pid=pid: not is_running(pid), row.stop_seconds, hurry)  # type: ignore[misc]
            end_group(pid)
            ended.append(f"{row.title} (pid {pid})")
    folder.run_record.unlink(missing_ok=True)
    return ended


def end_leftover_servers(folder: DataFolder) -> list[str]:
    ended = []
    for server in (EmbeddedValkey(folder.path / "valkey"), EmbeddedPostgres(folder.path / "postgres")):
        pid = server.running_pid()
        if pid is not None:
            server.stop()
            ended.append(f"{server.title} (pid {pid})")
    return ended


def _is_ours(pid: int, arguments: str, data_dir: Path) -> bool:
    """Another Waypost on this machine has children with the very same command lines."""
    if f" -m {arguments} " not in f"{command_line(pid)} ":
        return False
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()
    return b"WAYPOST_DATA_DIR=" + os.fsencode(data_dir) in environment
