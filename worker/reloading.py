"""All clients of this worker are started anew, one after the other, in engines that are new as well."""

import asyncio
import logging
from functools import partial

from shared.session_state import SessionState
from worker.board import Board
from worker.node import Node
from worker.orders import Orders

log = logging.getLogger(__name__)

# How long the next one waits for the one before it to be connected again.
_PATIENCE = 20.0


class Reloading:
    def __init__(self, node: Node, board: Board, orders: Orders) -> None:
        self._node = node
        self._board = board
        self._orders = orders
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> int:
        """How many sessions it concerns. One that is under way goes on, and takes in all the same."""
        sessions = self._board.running
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(sessions), name="reload")
        return len(sessions)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, sessions: tuple[str, ...]) -> None:
        self._node.engines.pool.wear_out()
        for session in sessions:
            await self._orders.start_anew(session)
            await self._board.until(partial(self._is_up, session), _PATIENCE)
        log.info("reload_complete", extra={"fields": {"sessions": len(sessions)}})

    def _is_up(self, session: str) -> bool:
        entry = self._board.entry(session)
        return entry is None or entry.ended or entry.state is SessionState.CONNECTED
