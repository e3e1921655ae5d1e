"""PostgreSQL refuses to run as root: how root hands it to a process that is not."""

import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import ServerError
from deploy.local.leash import leashed

_PROBE = 'test -w "$1" && exec "$2" --version'


@dataclass(frozen=True, slots=True)
class Footing:
    """The programs that go before the server's own, and the user who must own its files."""

    before: tuple[str, ...]
    owner: int


def find_footing(folder: Path, program: Path) -> Footing:
    """Takes the first way that can really write the folder and run the program."""
    if os.geteuid() != 0:
        return Footing((), os.geteuid())
    answers = []
    for footing in _ways():
        give_to(footing.owner, folder)
        problem = _problem(footing, folder, program)
        if not problem:
            return footing
        answers.append(f"  {footing.before[0]}: {problem}")
    raise ServerError(
        "PostgreSQL does not run as root, and this machine offers no way to run it as another user: "
        "start as a normal user, or install util-linux (unshare, setpriv).",
        "\n".join(answers),
    )


def give_to(owner: int, folder: Path) -> None:
    if folder.stat().st_uid == owner:
        return
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, owner, -1, follow_symlinks=False)


def _ways() -> list[Footing]:
    ways = []
    if unshare := shutil.which("unshare"):
        # Inside of the new user namespace root is user 1000; outside the files stay root's own.
        ways.append(Footing((unshare, "--user", "--map-user=1000", "--map-group=1000", "--"), 0))
    if setpriv := shutil.which("setpriv"):
        ways += [_as_user(setpriv, entry) for entry in _unprivileged_users()]
    return ways


def _as_user(setpriv: str, entry: pwd.struct_passwd) -> Footing:
    # The one capability lets it pass folders above its own that are closed to it, such as /root.
    capability = "-all,+dac_override"
    capabilities = [f"--{kind}={capability}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    user = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    return Footing((setpriv, *user, *capabilities, "--"), entry.pw_uid)


def _unprivileged_users() -> list[pwd.struct_passwd]:
    by_name = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    return [by_name[name] for name in ("postgres", "nobody") if name in by_name][:1]


def _problem(footing: Footing, folder: Path, program: Path) -> str:
    shell = ["/bin/sh", "-c", _PROBE, "sh", str(folder), str(program)]
    command = leashed(shell, signal.SIGKILL, before=footing.before)
    probe = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    if probe.returncode == 0:
        return ""
    lines = probe.stderr.strip().splitlines()
    return lines[-1] if lines else f"cannot write {folder} or run {program}"
