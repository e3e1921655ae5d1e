"""Writes down what became of deliveries: of all endpoints together, a moment after the answers.

A crash repeats what was not written yet, so the moment is short; the transaction for many costs hardly more
than one for each of them would.
"""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog

from control_plane.db.engine import Database, SystemSite
from control_plane.events.log import NewEvent, append
from control_plane.events.places import Place
from control_plane.events.schemas import EventType
from control_plane.webhooks.dispatch.endpoints import Endpoint
from control_plane.webhooks.dispatch.writes import DispatchWrites
from shared.ids import public_id

log = structlog.get_logger(__name__)

_GATHER_SECONDS = 0.008
_AT_ONCE = 500
_FULL = 2000
_PAUSE_SECONDS = 0.5
# Longer than any claim: what cannot be written for so long is another process's by now.
_PATIENCE_SECONDS = 30.0
_REASONS = {
    "gone": "Its server answered with the status 410: it wants no more deliveries.",
    "failing": "Its server has taken nothing for five days.",
}


class Holder(Protocol):
    endpoint: Endpoint

    def lost(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class Note:
    """`row` is a delivery, new or changed; `place` is how far everything before is written with it."""

    holder: Holder
    place: Place
    row: dict[str, Any] | None = None
    is_new: bool = False
    at: datetime | None = None
    taken: bool = False
    tried: bool = False
    failed: bool = False
    recovered_at: datetime | None = None
    disabled: str | None = None


class Ledger:
    def __init__(self, database: Database, said: Callable[[], None]) -> None:
        self._database = database
        self._said = said
        self._notes: deque[Note] = deque()
        self._some = asyncio.Event()
        self._alone = asyncio.Lock()
        self._failing_since: float | None = None

    @property
    def full(self) -> bool:
        """While nothing can be written nothing is sent: it would have to be repeated."""
        return self._failing_since is not None or len(self._notes) > _FULL

    def put(self, note: Note) -> None:
        self._notes.append(note)
        self._some.set()

    async def run(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(_GATHER_SECONDS if self._failing_since is None else _PAUSE_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """All that was put before; what fails stays for the next time."""
        async with self._alone:
            while self._notes:
                batch = self._batch()
                try:
                    await self._write(batch)
                except Exception as error:
                    clock = time.monotonic()
                    self._failing_since = self._failing_since or clock
                    log.warning("deliveries_not_written", error=type(error).__name__, notes=len(batch))
                    if clock - self._failing_since < _PATIENCE_SECONDS:
                        self._notes.extendleft(reversed(batch))
                        return
                    for holder in {id(note.holder): note.holder for note in batch}.values():
                        holder.lost()
                self._failing_since = None
            self._some.clear()

    def _batch(self) -> list[Note]:
        """A delivery stands in it once, because one statement changes a row once."""
        batch: list[Note] = []
        seen: set[uuid.UUID] = set()
        while self._notes and len(batch) < _AT_ONCE:
            row = self._notes[0].row
            if row is not None:
                if row["id"] in seen:
                    break
                seen.add(row["id"])
            batch.append(self._notes.popleft())
        return batch

    async def _write(self, batch: list[Note]) -> None:
        states = _states(batch)
        endpoints = {note.holder.endpoint.id: note.holder.endpoint for note in batch}
        async with self._database.system(SystemSite.WEBHOOKS) as db:
            writes = DispatchWrites(db)
            held = await writes.lock(list(states.values()))
            rows = [note for note in batch if note.holder.endpoint.id in held]
            kept = [states[key] for key in held]
            for state in kept:
                if not held[state["id"]]:
                    state["disabled"] = None  # its owner was told when it was, or has done it
            told = [
                _disabled(endpoints[state["id"]], state["disabled"]) for state in kept if state["disabled"]
            ]
            await writes.write(
                [note.row for note in rows if note.row is not None and note.is_new],
                [note.row for note in rows if note.row is not None and not note.is_new],
                kept,
            )
            await append(db, told)
        for note in batch:
            if note.holder.endpoint.id not in held:
                note.holder.lost()
        if told:
            self._said()


def _states(batch: list[Note]) -> dict[uuid.UUID, dict[str, Any]]:
    states: dict[uuid.UUID, dict[str, Any]] = {}
    for note in batch:
        endpoint = note.holder.endpoint
        state = states.setdefault(
            endpoint.id,
            {
                "id": endpoint.id,
                "token": endpoint.token,
                "delivered": 0,
                "failed": 0,
                "last_delivered_at": None,
                "recovered_at": None,
                "failing_since": None,
                "taken": False,
                "disabled": None,
                "disabled_at": None,
            },
        )
        state["xid"], state["position"] = note.place
        state["delivered"] += note.taken
        state["failed"] += note.failed
        if note.taken:
            state.update(taken=True, failing_since=None, last_delivered_at=note.at)
        elif note.tried:
            state["failing_since"] = state["failing_since"] or note.at
        state["recovered_at"] = note.recovered_at or state["recovered_at"]
        if note.disabled and not state["disabled"]:
            state.update(disabled=note.disabled, disabled_at=note.at)
    return states


def _disabled(endpoint: Endpoint, reason: str) -> NewEvent:
    return NewEvent(
        user_id=endpoint.user_id,
        session_id=None,
        sequence=0,
        type=EventType.WEBHOOK_DISABLED,
        data={
            "webhookId": public_id("whk", endpoint.id),
            "url": endpoint.url.partition("?")[0],
            "reason": reason,
            "detail": f"{_REASONS[reason]} Enable it again once its server is ready.",
        },
        sandbox=endpoint.only_sandbox,
    )
