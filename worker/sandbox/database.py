"""The one file in which the network survives its own restart."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

_SCHEMA = """
CREATE TABLE IF NOT EXISTS starts (number INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, private BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (number TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS devices (
    number TEXT NOT NULL, device INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (number, device));
CREATE TABLE IF NOT EXISTS prekeys (
    number TEXT NOT NULL, device INTEGER NOT NULL, key_id INTEGER NOT NULL, public BLOB NOT NULL,
    PRIMARY KEY (number, device, key_id));
CREATE TABLE IF NOT EXISTS phones (number TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS phone_prekeys (
    number TEXT NOT NULL, key_id INTEGER NOT NULL, private BLOB NOT NULL, PRIMARY KEY (number, key_id));
CREATE TABLE IF NOT EXISTS phone_sessions (
    number TEXT NOT NULL, peer TEXT NOT NULL, record BLOB NOT NULL, PRIMARY KEY (number, peer));
CREATE TABLE IF NOT EXISTS phone_sender_keys (
    number TEXT NOT NULL, chat TEXT NOT NULL, sender TEXT NOT NULL, record BLOB NOT NULL,
    PRIMARY KEY (number, chat, sender));
CREATE TABLE IF NOT EXISTS groups (group_id TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS habits (number TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS profiles (number TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS app_state (
    number TEXT NOT NULL, collection TEXT NOT NULL, version INTEGER NOT NULL, patch BLOB NOT NULL,
    PRIMARY KEY (number, collection, version));
CREATE TABLE IF NOT EXISTS mailbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT, number TEXT NOT NULL, device INTEGER NOT NULL,
    receipt TEXT NOT NULL, stanza BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS mailbox_of ON mailbox (number, device, receipt);
CREATE TABLE IF NOT EXISTS journal (
    position INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL,
    device TEXT NOT NULL, record BLOB NOT NULL);
"""

Record = TypeVar("Record")


def open_database(path: Path) -> sqlite3.Connection:
    """Every statement is its own transaction; a kill loses nothing that was answered, a power cut may."""
    # Used from the event loop's thread only; each statement takes some ten microseconds.
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(_SCHEMA)
    return connection


def count_start(database: sqlite3.Connection) -> int:
    """How many times the network has been started in this folder, with this one."""
    return int(database.execute("INSERT INTO starts DEFAULT VALUES").lastrowid or 0)


@contextmanager
def together(database: sqlite3.Connection) -> Iterator[None]:
    """All statements or none of them."""
    database.execute("BEGIN")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def pack(record: msgspec.Struct) -> bytes:
    return msgspec.msgpack.encode(record)


def unpack(data: bytes, kind: type[Record]) -> Record:
    return msgspec.msgpack.decode(data, type=kind)
