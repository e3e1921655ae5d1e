"""SQLite files that outlive the process: opened, or set aside where they cannot be read."""

import logging
import os
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Form:
    """`older` holds what an earlier form of the file lacks."""

    number: int
    schema: str
    # FULL: each commit is on the disk before it returns. NORMAL: it outlives the process, not the machine.
    synchronous: str
    older: Mapping[int, str] = field(default_factory=dict)


def open_kept(path: Path, form: Form) -> sqlite3.Connection:
    try:
        return _opened(path, form)
    except sqlite3.DatabaseError as error:
        # Kept for somebody to look into: it may hold what nobody else has.
        ending = f".broken-{int(time.time())}"
        for part in ("", "-wal", "-shm"):
            file = path.with_name(path.name + part)
            if file.exists():
                file.rename(file.with_name(file.name + ending))
        fields = {"file": path.name, "reason": str(error), "kept_with": ending}
        log.error("file_was_broken", extra={"fields": fields})
        return _opened(path, form)


def _opened(path: Path, form: Form) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {form.synchronous}")
        (known,) = database.execute("PRAGMA user_version").fetchone()
        if known not in {0, form.number, *form.older}:
            raise sqlite3.DatabaseError(f"the {path.stem} has the form {known} of another release")
        missing = form.older.get(known, "")
        database.executescript(f"{missing}{form.schema}PRAGMA user_version = {form.number};")
    except sqlite3.Error:
        database.close()
        raise
    return database
