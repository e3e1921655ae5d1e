"""Stops the clients while the spool is full or cannot be written: the network keeps what nobody fetches."""

import asyncio
import logging

from shared.session_state import Reason, SessionState
from worker.board import Board
from worker.node import Node
from worker.orders import Orders

log = logging.getLogger(__name__)

_LOOK_EVERY = 0.5
# So much of it must be free before the clients come back, so that they do not come and go.
_ROOM_AGAIN = 0.8


class SpoolGuard:
    def __init__(self, node: Node, orders: Orders, board: Board, most: int) -> None:
        self._node = node
        self._orders = orders
        self._board = board
        self._most = most

    @property
    def trouble(self) -> str:
        """Why nothing more may be taken from the network; empty when all is well."""
        waiting = self._node.spool.waiting()
        if waiting >= self._most:
            return f"{waiting} events wait to be shipped, and {self._most} is the most that are kept"
        return self._node.spool.trouble

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if self.trouble:
                await self._stop_clients(self.trouble)
                await self._until_there_is_room()
                self._start_again()

    async def _stop_clients(self, reason: str) -> None:
        self._orders.takes_none = True
        running = self._board.running
        log.error(
            "clients_stopped_for_the_spool: their messages stay in the network until there is room",
            extra={"fields": {"reason": reason, "sessions": len(running)}},
        )
        await self._orders.settle()
        await asyncio.gather(*(self._node.engines.stop(session) for session in running))
        for session in running:
            self._board.show(session, SessionState.RECONNECTING, Reason.CONNECTION_LOST)

    async def _until_there_is_room(self) -> None:
        spool = self._node.spool
        while spool.trouble or spool.waiting() > self._most * _ROOM_AGAIN:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_EVERY)

    def _start_again(self) -> None:
        """By the next heartbeat: the control plane orders what it does not find among the states."""
        self._orders.takes_none = False
        log.info("clients_come_back: the spool has room again")
