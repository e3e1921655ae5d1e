"""What the processes of one test run share: servers, logs, and every secret that must not be in the logs."""

import json
import os
from pathlib import Path
from typing import Any

_VARIABLE = "WAYPOST_TEST_RUN"
SECRET_FIELDS = frozenset({"accessToken", "refreshToken", "key", "secret", "token", "ticket"})


def folder() -> Path:
    return Path(os.environ[_VARIABLE])


def use(path: Path) -> None:
    os.environ[_VARIABLE] = str(path)


def write_servers(database_url: str, redis_url: str) -> None:
    (folder() / "servers.json").write_text(json.dumps({"database": database_url, "redis": redis_url}))


def servers() -> dict[str, str]:
    read: dict[str, str] = json.loads((folder() / "servers.json").read_text())
    return read


def process_name() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def logs() -> Path:
    path = folder() / "logs"
    path.mkdir(exist_ok=True)
    return path


def note_secret(secret: str) -> None:
    """One line for each secret; a single write of a short line is atomic."""
    with (folder() / f"canaries-{process_name()}.txt").open("a") as file:
        file.write(secret + "\n")


def note_secrets_of(document: Any) -> None:
    if isinstance(document, dict):
        for name, value in document.items():
            if name in SECRET_FIELDS and isinstance(value, str):
                note_secret(value)
            else:
                note_secrets_of(value)


def leaks(logs_folder: Path, secrets: set[str]) -> list[str]:
    """The places where a secret stands in a log, told without repeating it."""
    found = []
    for log in sorted(logs_folder.rglob("*.log")):
        if log.name == "mail.log":
            continue  # made to hold reset links in development, and readable by its owner alone
        text = log.read_text(errors="replace")
        found += [f"{log.name}: a secret that begins with {s[:6]!r}" for s in secrets if s in text]
    return found


def noted_secrets() -> set[str]:
    lines = [file.read_text().splitlines() for file in folder().glob("canaries-*.txt")]
    return {line for group in lines for line in group if len(line) >= 8}
