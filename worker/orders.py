"""What the control plane orders, carried out: sessions start, stop, are handed over or are lost."""

import asyncio
import logging
import random
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from shared.contracts.fleet import (
    HeartbeatAnswer,
    Released,
    SeenState,
    StartOrder,
    StopOrder,
)
from shared.contracts.told import Meaning, StateSeen, Then
from shared.ids import Epoch, SessionId
from shared.session_state import Reason, SessionState
from worker.board import Board
from worker.control_client import ControlClient, Refusal, Unreachable
from worker.engines.networks import REAL, SANDBOX
from worker.engines.session_spec import SessionSpec
from worker.node import Node
from worker.whatsapp.port import NotConnected, Proxy, Refused, Uncertain

log = logging.getLogger(__name__)

_S, _R = SessionState, Reason
STOPPED = Meaning(_S.DISCONNECTED, _R.REQUESTED, Then.STOP)
LOGGED_OUT = Meaning(_S.LOGGED_OUT, _R.LOGGED_OUT_BY_USER, Then.FORGET)
RELOADED = Meaning(_S.RECOVERING, _R.RESTART_REQUESTED, Then.GO_ON, "its worker starts its clients anew")
NOT_HERE = Meaning(
    _S.DISCONNECTED, _R.NO_WORKER, Then.STOP, "this worker cannot run sessions of that network"
)
# Many that start at one moment would all knock at the network together.
_SPREAD = 0.1
_LONGEST_SPREAD = 5.0

Seen = frozenset[tuple[str, int]]


class Orders:
    """One task for each session at a time; what comes meanwhile will be ordered again."""

    def __init__(self, node: Node, board: Board, client: ControlClient) -> None:
        self._node = node
        self._board = board
        self._client = client
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # By session, until its first code is shown.
        self.pairing_phones: dict[str, str] = {}
        # Set while this worker must take nothing more.
        self.takes_none = False

    def apply(self, answer: HeartbeatAnswer, seen: Seen) -> None:
        """`seen` is what the heartbeat told: of that, whatever has ended since is no longer news."""
        for session in answer.lost:
            entry = self._board.entry(session)
            if entry is not None and (session, entry.epoch) in seen:
                self._in_a_task(session, self._lose(session))
        for stop in answer.stop:
            entry = self._board.entry(stop.session_id)
            if entry is not None or (stop.session_id, stop.epoch) not in seen:
                self._in_a_task(stop.session_id, self._stop(stop))
        self.start(tuple(order for order in answer.start if (order.session_id, order.epoch) not in seen))

    def start(self, orders: tuple[StartOrder, ...], *, recovering: bool = False) -> None:
        if self.takes_none:
            return
        spread = min(_LONGEST_SPREAD, _SPREAD * (len(orders) - 1))
        for order in orders:
            session = order.session_id
            entry = self._board.entry(session)
            if session in self._tasks or (entry is not None and entry.epoch >= order.epoch):
                continue
            spec = self._spec(order)
            if spec is None:
                continue
            state, reason = (
                (_S.RECOVERING, _R.WORKER_RESTARTED) if recovering else (_S.INITIALIZING, _R.STARTING)
            )
            self._board.take_up(session, order.epoch, state, reason)
            self._in_a_task(session, self._start(spec, order.pairing_phone, random.uniform(0, spread)))

    async def stop_all(self) -> None:
        """At once and without a word: they are another worker's, or will be."""
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await asyncio.gather(*(self._node.engines.stop(session) for session in self._node.engines.sessions))
        self._board.clear()
        self.pairing_phones.clear()

    async def settle(self) -> None:
        """Returns when nothing is under way."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def halt(self, session: str) -> SeenState | None:
        """Stops its client, to be handed over; None where there is nothing to hand over."""
        entry = self._board.entry(session)
        await self._node.engines.stop(session)
        if entry is None or entry.ended:
            return None
        entry.ended = True
        self._board.show(session, _S.RECOVERING, _R.MOVING)
        return SeenState(id=session, epoch=entry.epoch, status=entry.state, reason=entry.reason)

    async def release(self, *sessions: SeenState) -> None:
        """They stay on the board until the control plane has heard it: the order comes again then."""
        known = self._client.registered
        if known is None or not sessions:
            return
        try:
            await self._client.released(Released(incarnation=known.incarnation, sessions=sessions))
        except (Unreachable, Refusal) as error:
            log.warning("release_not_told", extra={"fields": {"reason": str(error)}})
            return
        for session in sessions:
            if (entry := self._board.entry(session.id)) is not None and entry.epoch == session.epoch:
                self._board.drop(session.id)

    def find_missing(self) -> None:
        """What ended without a word is no longer told as running, and will be ordered anew."""
        for session in () if self.takes_none else self._board.running:
            if session not in self._tasks and session not in self._node.engines.sessions:
                log.warning("session_vanished", extra={"fields": {"session": session}})
                self._board.drop(session)

    async def start_anew(self, session: str) -> None:
        """Its client, in another engine. What comes in between is ordered again."""
        spec = self._node.engines.spec_of(session)
        if session in self._tasks or spec is None or spec.device_jid is None or self.takes_none:
            return
        self._in_a_task(session, self._start_anew(spec))
        await asyncio.gather(self._tasks[session], return_exceptions=True)

    async def _start_anew(self, spec: SessionSpec) -> None:
        self._node.tell(spec, StateSeen(meaning=RELOADED))
        await self._node.engines.stop(spec.session)
        if not self.takes_none and self._board.runs(spec.session, spec.epoch):
            self._node.engines.start(spec)

    async def _start(self, spec: SessionSpec, pairing_phone: str | None, after: float) -> None:
        await asyncio.sleep(after)
        session = spec.session
        if session in self._node.engines.sessions:
            await self._node.engines.stop(session)
        if self.takes_none or not self._board.runs(session, spec.epoch):
            return
        await self._node.journal.runs(session, spec.epoch)
        self.pairing_phones.pop(session, None)
        if pairing_phone and spec.device_jid is None:
            self.pairing_phones[session] = pairing_phone
        if spec.network not in self._node.networks:
            self._node.tell(spec, StateSeen(meaning=NOT_HERE))
            return
        self._node.engines.start(spec)

    async def _stop(self, order: StopOrder) -> None:
        session, entry = order.session_id, self._board.entry(order.session_id)
        if entry is not None and entry.epoch > order.epoch:
            return
        if order.hand_over:
            released = await self.halt(session)
            epoch = entry.epoch if entry is not None else order.epoch
            gone = SeenState(id=session, epoch=epoch, status=_S.RECOVERING, reason=_R.MOVING)
            await self.release(released or gone)
            return
        spec = self._node.engines.spec_of(session)
        if order.log_out:
            await (self._node.forget_files(session) if spec is None else self._log_out(spec))
        await self._node.engines.stop(session)
        entry = self._board.entry(session)
        if entry is None or not entry.ended:
            self._tell_end(order, LOGGED_OUT if order.log_out else STOPPED)

    async def _log_out(self, spec: SessionSpec) -> None:
        """Where the phone cannot be told, at least nothing remains here."""
        try:
            await self._node.engines.log_out(spec.session)
        except (NotConnected, Refused, Uncertain) as error:
            fields = {"session": spec.session, "reason": type(error).__name__}
            log.warning("log_out_not_told: the phone may still list this device", extra={"fields": fields})
            await self._node.engines.stop(spec.session)
            await self._node.forget(spec)

    def _tell_end(self, order: StopOrder, meaning: Meaning) -> None:
        session, epoch = order.session_id, Epoch(order.epoch)
        told = StateSeen(meaning=meaning)
        entry = self._board.entry(session)
        if entry is None or entry.epoch < epoch:
            self._board.take_up(session, epoch, meaning.state, meaning.reason)
        self._board.heard(session, epoch, told, self._node.spool.append(session, epoch, told))

    async def _lose(self, session: str) -> None:
        self._board.drop(session)
        log.warning("session_lost: another worker runs it", extra={"fields": {"session": session}})
        await self._node.engines.stop(session)

    def _spec(self, order: StartOrder) -> SessionSpec | None:
        try:
            session = SessionId(UUID(order.session_id))
        except ValueError:
            log.error("start_order_refused: its session id is none", extra={"fields": {}})
            return None
        return SessionSpec(
            session_id=session,
            epoch=Epoch(order.epoch),
            network=SANDBOX if order.sandbox else REAL,
            store=self._node.store,
            device_jid=order.device_jid,
            device_name=order.device_name,
            proxy=Proxy(url=order.proxy) if order.proxy else None,
        )

    def _in_a_task(self, session: str, work: Coroutine[Any, Any, None]) -> None:
        if session in self._tasks:
            work.close()
            return
        task = self._tasks[session] = asyncio.create_task(work, name=f"order for {session}")
        task.add_done_callback(lambda done: self._done(session, done))

    def _done(self, session: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(session) is task:
            del self._tasks[session]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("order_failed", extra={"fields": {"session": session}}, exc_info=error)
