"""What the operating system knows about a process that may not be ours."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self").exists()


def command_line(pid: int) -> str:
    """Empty when there is no such process, and for one that has nothing left but its number."""
    if not _HAS_PROC:
        return _ask_ps(pid, "command=")
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return os.fsdecode(raw).replace("\0", " ").strip()


def is_running(pid: int) -> bool:
    """True until its files and ports are closed, which is later than the loss of its command line."""
    if not _HAS_PROC:
        return _ask_ps(pid, "state=")[:1] not in {"", "Z", "X"}
    try:
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return False
    # Its first thread may be gone while others still end: until then nobody can wait for it either.
    state, threads = fields[0], int(fields[17])
    return state not in {"Z", "X"} or threads > 1


def works_in(pid: int, program: str, folder: Path) -> bool:
    """Whether the process is this program at work in this folder, by whatever path it is reached."""
    line = command_line(pid)
    if program not in line:
        return False
    try:
        return (_PROC / str(pid) / "cwd").samefile(folder)
    except OSError:  # no /proc here, or the process belongs to another user
        return str(folder) in line


def send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def end_group(leader: int) -> None:
    """For what a process that led its own group has left behind."""
    with suppress(ProcessLookupError, PermissionError):  # macOS: PermissionError for a zombie
        os.killpg(leader, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], seconds: float, hurry: Callable[[], bool]) -> bool:
    """An urgent stop leaves half a second of the time that was granted."""
    end = time.monotonic() + seconds
    while not condition():
        if hurry():
            end = min(end, time.monotonic() + 0.5)
            hurry = never
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)
    return True


def describe_exit(code: int | None) -> str:
    if code is None:
        return "ended"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def never() -> bool:
    return False


def _ask_ps(pid: int, column: str) -> str:
    command = ["ps", "-ww", "-o", column, "-p", str(pid)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
