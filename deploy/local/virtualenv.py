"""python -m deploy.local.virtualenv REQUIREMENTS: makes .venv what the file says, if it is not so already."""

import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.errors import LaunchError
from deploy.local.private_files import write_private
from deploy.local.terminal import Terminal

_REPOSITORY = Path(__file__).resolve().parents[2]
_VENV = _REPOSITORY / ".venv"
# Stands only in a finished environment, so that an interrupted set-up is made anew.
_STAMP = _VENV / "waypost-stamp.json"


def main(requirements: str) -> int:
    if sys.prefix != sys.base_prefix:
        # Inside of a virtual environment, perhaps the very one that is to be made.
        base = str(getattr(sys, "_base_executable", sys.executable))
        os.execv(base, [base, "-m", "deploy.local.virtualenv", requirements])  # noqa: S606 (no shell wanted)
    try:
        with _locked():
            _bring_up_to_date(requirements, Terminal())
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _bring_up_to_date(requirements: str, terminal: Terminal) -> None:
    digest = hashlib.sha256((_REPOSITORY / requirements).read_bytes()).hexdigest()
    stamp = _read_stamp()
    if stamp.get(requirements) == digest:
        return
    if not stamp:
        with terminal.step("Making .venv"):
            _make()
    _STAMP.unlink(missing_ok=True)
    with terminal.step(f"Installing {requirements}"):
        _install(requirements)
    write_private(_STAMP, json.dumps({**stamp, **_identity(), requirements: digest}, indent=2) + "\n")


def _identity() -> dict[str, str]:
    """An environment works with the Python, and in the place, that it was made with."""
    return {"python": f"{sys.version} {sys.base_prefix}", "place": str(_VENV)}


def _read_stamp() -> dict[str, Any]:
    """Empty unless .venv is finished, in its place, and of this Python."""
    try:
        stamp: dict[str, Any] = json.loads(_STAMP.read_text())
        works = (_VENV / "bin" / "python").exists()
    except (OSError, ValueError):
        return {}
    return stamp if works and stamp.items() >= _identity().items() else {}


def _make() -> None:
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise LaunchError(
            f"{sys.executable} cannot make virtual environments: its venv module is not installed. "
            f"On Debian and Ubuntu: apt install python{version}-venv"
        )
    _run([sys.executable, "-m", "venv", "--clear", str(_VENV)], "Could not make .venv:")


def _install(requirements: str) -> None:
    pip = [str(_VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    arguments = ["install", "--quiet", "--require-hashes", "-r", str(_REPOSITORY / requirements)]
    _run([*pip, *arguments], f"Could not install {requirements}. Is the package index within reach?")


def _run(command: list[str], complaint: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise LaunchError(complaint, "\n".join((done.stdout + done.stderr).splitlines()[-15:]))


@contextmanager
def _locked() -> Iterator[None]:
    """Two makes at once in one clone take turns, and the second finds the work done."""
    with (_REPOSITORY / ".venv.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make sets up .venv; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
