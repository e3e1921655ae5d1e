"""The tables of the journal, and what tells one run of the machine from another."""

import sqlite3
import time
from pathlib import Path

from worker.kept_file import Form, open_kept

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
    message TEXT NOT NULL, attempt INTEGER NOT NULL, session TEXT NOT NULL, epoch INTEGER NOT NULL,
    at REAL NOT NULL, state TEXT NOT NULL, answer BLOB, PRIMARY KEY (message, attempt)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ix_attempts_at ON attempts (at);
CREATE TABLE IF NOT EXISTS runs (
    session TEXT NOT NULL, epoch INTEGER NOT NULL, boot TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (session, epoch)) WITHOUT ROWID;
"""
# A process that is killed loses nothing by NORMAL; a disk's sync for each message would cost far more.
_FORM = Form(1, _SCHEMA, synchronous="NORMAL")


def open_journal(path: Path) -> sqlite3.Connection:
    """Of a new file in the place of a broken one, nothing says that a message was not sent."""
    return open_kept(path, _FORM)


def boot() -> str:
    """The run of the machine: what was written but not forced to the disk outlives a process, not this."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        # Each start counts as one of the machine then: less can be proved, and nothing wrong is said.
        return f"unknown-{time.time_ns()}"
