"""What sessions told, on this machine's disk until the control plane has it.

The library acknowledges a message to the network before we see it: from then on this file is the only copy.
"""

import asyncio
import logging
import secrets
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Self

import msgspec

from shared.contracts.messages import ReceivedFile
from shared.contracts.told import HistoryReceived, MessageReceived, Told
from shared.ids import Epoch
from worker.spool_file import open_spool

log = logging.getLogger(__name__)

# An event waits so long for others before they are written, and fsynced, together.
_BATCH_SECONDS = 0.02
_RETRY_SECONDS = 1.0
_INSERT = "INSERT INTO events (session, epoch, at, told, lane) VALUES (?, ?, ?, ?, ?)"
_COLUMNS = "position, session, epoch, at, told"


class Lane(IntEnum):
    """What a phone remembers of old times waits until nothing else does."""

    NEWS = 0
    HISTORY = 1


@dataclass(frozen=True, slots=True)
class SpooledEvent:
    """Positions rise and never come back: they order what was told, and tell repetitions."""

    position: int
    session: str
    epoch: Epoch
    at: float
    told: Told
    size: int = 0


@dataclass(slots=True)
class _Waiting:
    row: tuple[str, int, float, bytes]
    lane: Lane
    has_file: bool
    settles: int | None
    written: asyncio.Future[int]


class Spool:
    """`append` never waits; its future is done when the event is on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Told)
        # One thread, so that one connection serves and writes keep their order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._database: sqlite3.Connection | None = None
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._writer: asyncio.Task[None] | None = None
        # While the disk refuses, events are kept in memory and nothing may be called safe.
        self.trouble = ""
        # Random, and made with the file: a position means something within one spool only.
        self.id = ""
        # All that has not been shipped, whether it is on the disk yet or not.
        self._waiting = dict.fromkeys(Lane, 0)
        self.news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._database = await self._run(open_spool, self._path)
        self.id = await self._run(self._identity)
        for lane in Lane:
            self._waiting[lane] = await self.count(lane)
        self._writer = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._queue.put_nowait(None)
        if self._writer is not None:
            await self._writer
        if self._database is not None:
            await self._run(self._database.close)
        self._thread.shutdown()

    def waiting(self, *lanes: Lane) -> int:
        return sum(self._waiting[lane] for lane in lanes or Lane)

    def append(
        self, session: str, epoch: Epoch, told: Told, *, settles: int | None = None
    ) -> "asyncio.Future[int]":
        """`settles` is the position of the message whose file this is about."""
        written: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        row = (session, epoch, time.time(), self._encoder.encode(told))
        lane = lane_of(told)
        self._queue.put_nowait(_Waiting(row, lane, has_file(told), settles, written))
        self._waiting[lane] += 1
        return written

    async def read(self, after: int = 0, limit: int = 500, lane: Lane | None = None) -> list[SpooledEvent]:
        """The oldest ones behind a position, of one lane or of all."""
        return await self._events("events", after, limit, lane)

    async def unfetched(self, after: int = 0, limit: int = 500) -> list[SpooledEvent]:
        """Messages whose files are still to be fetched, whether or not they have been shipped."""
        return await self._events("unfetched", after, limit)

    async def _events(
        self, table: str, after: int, limit: int, lane: Lane | None = None
    ) -> list[SpooledEvent]:
        chosen = f"position > ?{'' if lane is None else f' AND lane = {lane:d}'}"
        query = f"SELECT {_COLUMNS} FROM {table} WHERE {chosen} ORDER BY position LIMIT ?"  # noqa: S608
        rows = await self._run(lambda: self._connection().execute(query, (after, limit)).fetchall())
        return [
            SpooledEvent(position, session, Epoch(epoch), at, self._decoder.decode(told), len(told))
            for position, session, epoch, at, told in rows
        ]

    async def trim(self, up_to: int, *lanes: Lane) -> None:
        """These have arrived elsewhere."""
        for lane in lanes or Lane:
            delete = "DELETE FROM events WHERE position <= ? AND lane = ?"
            # Not in one line: more may be appended before it is done.
            gone = await self._run(self._changed, delete, up_to, lane)
            self._waiting[lane] -= gone

    async def set_aside(self, position: int, lane: Lane) -> None:
        """One that will never be taken: kept on this disk, for somebody to look into."""
        gone = await self._run(self._set_aside, position)
        self._waiting[lane] -= gone

    async def count(self, *lanes: Lane) -> int:
        query = (
            f"SELECT count(*) FROM events WHERE lane IN ({', '.join(f'{lane:d}' for lane in lanes or Lane)})"  # noqa: S608
        )
        (count,) = await self._run(lambda: self._connection().execute(query).fetchone())
        return int(count)

    async def _write(self) -> None:
        ending = False
        while not ending:
            batch = [await self._queue.get()]
            if batch[0] is not None:
                await asyncio.sleep(_BATCH_SECONDS)
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            ending = None in batch
            await self._write_batch([waiting for waiting in batch if waiting is not None], ending)

    async def _write_batch(self, batch: list[_Waiting], ending: bool) -> None:
        while batch:
            try:
                positions = await self._run(self._insert, batch)
                break
            except sqlite3.Error as error:
                self.trouble = f"the spool cannot be written: {error}"
                log.error("spool_not_written", extra={"fields": {"reason": str(error), "events": len(batch)}})
                if ending:
                    raise
                await asyncio.sleep(_RETRY_SECONDS)
        else:
            return
        self.trouble = ""
        for position, waiting in zip(positions, batch, strict=True):
            if not waiting.written.done():
                waiting.written.set_result(position)
        self.news.set()

    def _insert(self, batch: list[_Waiting]) -> list[int]:
        """All or nothing."""
        positions = []
        with self._connection() as database:
            database.execute("BEGIN IMMEDIATE")
            for waiting in batch:
                position = database.execute(_INSERT, (*waiting.row, waiting.lane)).lastrowid
                assert position is not None  # noqa: S101 (a row was inserted)
                positions.append(position)
                if waiting.has_file:
                    database.execute("INSERT INTO unfetched VALUES (?, ?, ?, ?, ?)", (position, *waiting.row))
                if waiting.settles is not None:
                    database.execute("DELETE FROM unfetched WHERE position = ?", (waiting.settles,))
        return positions

    def _changed(self, statement: str, *parameters: int) -> int:
        return self._connection().execute(statement, parameters).rowcount

    def _set_aside(self, position: int) -> int:
        with self._connection() as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(
                f"INSERT OR IGNORE INTO refused SELECT {_COLUMNS} FROM events WHERE position = ?",  # noqa: S608
                (position,),
            )
            return database.execute("DELETE FROM events WHERE position = ?", (position,)).rowcount

    def _identity(self) -> str:
        with self._connection() as database:
            database.execute("BEGIN IMMEDIATE")
            fresh = f"spl-{secrets.token_hex(16)}"
            database.execute(
                "INSERT INTO identity SELECT ? WHERE NOT EXISTS (SELECT 1 FROM identity)", (fresh,)
            )
            (known,) = database.execute("SELECT id FROM identity").fetchone()
        return str(known)

    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            raise RuntimeError("the spool is not open")
        return self._database

    async def _run(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def has_file(told: Told) -> bool:
    return isinstance(told, MessageReceived) and isinstance(told.message.content, ReceivedFile)


def lane_of(told: Told) -> Lane:
    return Lane.HISTORY if isinstance(told, HistoryReceived) else Lane.NEWS
