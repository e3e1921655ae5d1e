"""The tables of the spool."""

import sqlite3
from pathlib import Path

from worker.kept_file import Form, open_kept

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
# None of the events of an earlier form may be lost.
_FORM_1 = "ALTER TABLE events ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;"
# Full: before anybody is told that an event is safe, it is on the disk.
_FORM = Form(2, _SCHEMA, synchronous="FULL", older={1: _FORM_1})


def open_spool(path: Path) -> sqlite3.Connection:
    return open_kept(path, _FORM)
