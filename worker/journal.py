"""Which messages this worker began to send, and how that ended: what is asked when an answer was lost.

A beginning is written down before the message is handed on. So what does not stand here was not sent by
this worker, which lets somebody else send it, and what stands here without an end may have been.
"""

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import msgspec

from shared.contracts.commands import Attempt, AttemptSeen, AttemptState, CommandAnswer, Outcome
from worker.journal_file import boot, open_journal

_KEPT_SECONDS = 7 * 24 * 3600.0
_PURGE_EVERY = 3600.0
# Of the rows without an answer: one that was begun, and one that never may be.
_BEGUN, _FORBIDDEN = "begun", "forbidden"


class Journal:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(CommandAnswer)
        # One thread, so that a question and a beginning cannot overtake each other.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._database: sqlite3.Connection | None = None
        self._running: set[tuple[str, int]] = set()
        self._boot = boot()
        self._purged_at = 0.0

    async def __aenter__(self) -> Self:
        self._database = await self._run(open_journal, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._database is not None:
            await self._run(self._database.close)
        self._thread.shutdown()

    async def runs(self, session: str, epoch: int) -> None:
        """From now on this worker sends for it; without this line nothing can be said of its attempts."""
        await self._run(self._note_run, session, epoch)

    async def begin(self, attempt: Attempt) -> CommandAnswer | None:
        """None: go on, it stands here. Otherwise this is its answer, and nothing must be sent."""
        key = (attempt.message_id, attempt.attempt)
        answer: CommandAnswer | None = await self._run(self._begin, attempt)
        if answer is None:
            self._running.add(key)
        return answer

    async def end(self, attempt: Attempt, answer: CommandAnswer) -> None:
        try:
            await self._run(self._end, attempt, answer)
        finally:
            self._running.discard((attempt.message_id, attempt.attempt))

    async def ask(self, attempt: Attempt) -> AttemptSeen:
        """What was not begun by now never will be."""
        if (attempt.message_id, attempt.attempt) in self._running:
            return _seen(attempt, AttemptState.RUNNING)
        seen: AttemptSeen = await self._run(self._ask, attempt)
        return seen

    def _note_run(self, session: str, epoch: int) -> None:
        self._connection().execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (session, epoch, self._boot, time.time()),
        )
        self._purge()

    def _begin(self, attempt: Attempt) -> CommandAnswer | None:
        rows = self._connection().execute(
            "SELECT attempt, state, answer FROM attempts WHERE message = ? ORDER BY attempt",
            (attempt.message_id,),
        )
        for number, state, raw in rows.fetchall():
            answer = self._decoder.decode(raw) if raw is not None else None
            if answer is not None and answer.outcome is Outcome.DONE:
                return answer
            if number == attempt.attempt:
                forbidden = CommandAnswer(outcome=Outcome.NOT_HERE)
                hidden = CommandAnswer(outcome=Outcome.UNCERTAIN, words="this attempt was begun before")
                return forbidden if state == _FORBIDDEN else answer or hidden
            if number > attempt.attempt:
                return CommandAnswer(outcome=Outcome.NOT_HERE)
        self._insert(attempt, _BEGUN)
        return None

    def _end(self, attempt: Attempt, answer: CommandAnswer) -> None:
        self._connection().execute(
            "UPDATE attempts SET answer = ? WHERE message = ? AND attempt = ?",
            (self._encoder.encode(answer), attempt.message_id, attempt.attempt),
        )

    def _ask(self, attempt: Attempt) -> AttemptSeen:
        database = self._connection()
        row = database.execute(
            "SELECT state, answer FROM attempts WHERE message = ? AND attempt = ?",
            (attempt.message_id, attempt.attempt),
        ).fetchone()
        if row is not None:
            state, raw = row
            if raw is not None:
                return _seen(attempt, AttemptState.ENDED, self._decoder.decode(raw))
            return _seen(attempt, AttemptState.NEVER if state == _FORBIDDEN else AttemptState.OPEN)
        self._insert(attempt, _FORBIDDEN)
        run = database.execute(
            "SELECT boot FROM runs WHERE session = ? AND epoch = ?", (attempt.session_id, attempt.epoch)
        ).fetchone()
        # Lines are written for a process that dies; when the machine did, the last ones may be missing.
        known = run is not None and run[0] == self._boot
        return _seen(attempt, AttemptState.NEVER if known else AttemptState.UNKNOWN)

    def _insert(self, attempt: Attempt, state: str) -> None:
        self._connection().execute(
            "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, NULL)",
            (
                attempt.message_id,
                attempt.attempt,
                attempt.session_id,
                attempt.epoch,
                time.time(),
                state,
            ),
        )

    def _purge(self) -> None:
        now = time.time()
        if now - self._purged_at < _PURGE_EVERY:
            return
        self._purged_at = now
        for table in ("attempts", "runs"):
            self._connection().execute(f"DELETE FROM {table} WHERE at < ?", (now - _KEPT_SECONDS,))  # noqa: S608

    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            raise RuntimeError("the journal is not open")
        return self._database

    async def _run(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def _seen(attempt: Attempt, state: AttemptState, answer: CommandAnswer | None = None) -> AttemptSeen:
    return AttemptSeen(message_id=attempt.message_id, attempt=attempt.attempt, state=state, answer=answer)
