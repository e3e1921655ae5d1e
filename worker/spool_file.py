"""The file of the spool: its tables, and what is done with one that cannot be read."""

import logging
import os
import sqlite3
import time
from pathlib import Path

log = logging.getLogger(__name__)

_FORM = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL, epoch INTEGER NOT NULL,
    at REAL NOT NULL, told BLOB NOT NULL, lane INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS unfetched (
    position INTEGER PRIMARY KEY, session TEXT NOT NULL, epoch INTEGER NOT NULL,
    at REAL NOT NULL, told BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS refused (
    position INTEGER PRIMARY KEY, session TEXT NOT NULL, epoch INTEGER NOT NULL,
    at REAL NOT NULL, told BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS ix_events_lane ON events (lane, position);
"""
# What an earlier form lacks; none of its events may be lost.
_FROM_FORM = {1: "ALTER TABLE events ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;"}


def open_spool(path: Path) -> sqlite3.Connection:
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        # Kept for somebody to look into: it may hold messages that nobody else has.
        ending = f".broken-{int(time.time())}"
        for part in ("", "-wal", "-shm"):
            file = path.with_name(path.name + part)
            if file.exists():
                file.rename(file.with_name(file.name + ending))
        log.error("spool_was_broken", extra={"fields": {"reason": str(error), "kept_with": ending}})
        return _opened(path)


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        # Each commit is on the disk before anybody is told that it is safe.
        database.execute("PRAGMA synchronous = FULL")
        (form,) = database.execute("PRAGMA user_version").fetchone()
        if form not in {0, _FORM, *_FROM_FORM}:
            raise sqlite3.DatabaseError(f"the spool has the form {form} of another release")
        database.executescript(f"{_FROM_FORM.get(form, '')}{_SCHEMA}PRAGMA user_version = {_FORM};")
    except sqlite3.Error:
        database.close()
        raise
    return database
