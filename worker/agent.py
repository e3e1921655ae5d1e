"""The agent: it registers, keeps its lease by heartbeats, and carries out what their answers order."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from typing import Any

from shared.contracts.fleet import Heartbeat, HeartbeatAnswer, Register, Registered, StoreKind
from shared.contracts.told import Told
from shared.version import VERSION
from worker.board import Board
from worker.companions import companions
from worker.control_client import ControlClient, Refusal, Unreachable
from worker.engines.networks import SANDBOX
from worker.engines.session_spec import SessionSpec
from worker.lease import Lease
from worker.machine_load import MachineLoad
from worker.node import Node, Written
from worker.nudges import follow_nudges
from worker.orders import Orders, Seen
from worker.pairing_codes import PairingCodes
from worker.recovery import Recovery
from worker.registration import Registration
from worker.reloading import Reloading
from worker.settings import Settings
from worker.spool import Lane
from worker.spool_guard import SpoolGuard
from worker.store_renewal import StoreRenewal
from worker.uplink import Uplink
from worker.whatsapp.stores import PostgresStore

log = logging.getLogger(__name__)

# A heartbeat that hangs must leave time for another one within the same lease.
_BEAT_PATIENCE = 0.3


class Replaced(Exception):  # noqa: N818 (said to people, as it is)
    """Another process was registered under this worker's id."""


class Agent:
    """`async with`, then `run` until it is cancelled. `endpoint` is where others reach this worker."""

    def __init__(self, settings: Settings, node: Node, client: ControlClient, endpoint: str) -> None:
        self.settings = settings
        self.node = node
        self.client = client
        self._endpoint = endpoint
        self.lease = Lease()
        self.board = Board()
        self.orders = Orders(node, self.board, client)
        self.uplink = Uplink(node.spool, client, self.board.shipped)
        self.guard = SpoolGuard(node, self.orders, self.board, settings.spool_max_events)
        self._reloading = Reloading(node, self.board, self.orders)
        self.draining = False
        self.beats = {"accepted": 0, "refused": 0, "unreachable": 0}
        self._codes = PairingCodes(node.engines, self.orders.pairing_phones, node.tell)
        self._renewal = StoreRenewal(node.store, str(settings.worker_id))
        self._registration = Registration(client, self.lease.moment, self._introduction())
        self._load = MachineLoad()
        self._reached = False
        self._replaced = False
        self._nudge = asyncio.Event()
        self._beaten = asyncio.Event()
        self._started_at = time.monotonic()
        node.recorders += [self._heard, self.uplink.heard, self._codes.heard]

    @property
    def shares_its_store(self) -> bool:
        """Its sessions may run elsewhere as soon as its lease is over; those in files may not."""
        return isinstance(self.node.store, PostgresStore)

    @property
    def ready(self) -> bool:
        return self.client.registered is not None and not self.lease.over and not self.guard.trouble

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.uplink.run())
                tasks.create_task(self.guard.run())
                tasks.create_task(self._serve())
        finally:
            await self._reloading.close()
            await self._codes.close()

    def reload(self) -> int:
        """How many sessions are about to be started anew."""
        return self._reloading.begin()

    def beat_now(self) -> None:
        self._nudge.set()

    async def beaten(self) -> None:
        """Until one more heartbeat was tried."""
        self._beaten.clear()
        self.beat_now()
        await self._beaten.wait()

    def _heard(self, spec: SessionSpec, told: Told, written: Written | None) -> None:
        self.board.heard(spec.session, spec.epoch, told, written)

    async def _serve(self) -> None:
        while True:
            registered, sent_at = await self._registration.run()
            self._begin(registered, sent_at)
            async with companions(*self._work(registered)):
                await self._beat_until_it_is_over(registered)
            self.client.forget()
            if self._replaced:
                raise Replaced
            if self.draining:
                await asyncio.Event().wait()

    def _work(self, registered: Registered) -> list[Coroutine[Any, Any, None]]:
        work = [follow_nudges(self.client, self.beat_now)]
        if registered.recovery_required and not self.draining:
            work.append(Recovery(self.client, self.orders, self.board).run())
        return work

    def _introduction(self) -> Register:
        settings = self.settings
        return Register(
            worker_id=str(settings.worker_id),
            endpoint=self._endpoint,
            version=VERSION,
            environment=settings.environment,
            capacity=settings.capacity,
            labels=dict(settings.labels),
            store=StoreKind.POSTGRES if self.shares_its_store else StoreKind.SQLITE,
            sandbox=SANDBOX in self.node.networks,
        )

    def _begin(self, registered: Registered, sent_at: float) -> None:
        self.lease.begin(sent_at, registered.lease_seconds)
        self._extend()
        self.uplink.hurry()
        fields = {
            "worker": registered.worker_id,
            "incarnation": registered.incarnation,
            "assigned": registered.assigned_session_count,
            "networks": self.node.networks,
            "endpoint": self._endpoint,
        }
        log.info("worker_registered", extra={"fields": fields})

    def _extend(self) -> None:
        self.node.engines.extend_lease(self.lease.deadline if self.shares_its_store else float("inf"))

    async def _beat_until_it_is_over(self, registered: Registered) -> None:
        """A refusal ends everything; a lease that ends, only what may be running elsewhere by then."""
        beats = asyncio.create_task(self._beats(registered))
        end = asyncio.create_task(self._lease_end())
        try:
            await asyncio.wait({beats, end}, return_when=asyncio.FIRST_COMPLETED)
            reason = "the control plane ended this incarnation" if beats.done() else "it could not be renewed"
            if beats.done():
                beats.result()
        finally:
            beats.cancel()
            end.cancel()
            await asyncio.gather(beats, end, return_exceptions=True)
        fields = {"reason": reason, "sessions": len(self.board.running)}
        log.error("lease_over: all clients end, and this worker registers anew", extra={"fields": fields})
        self.lease.end()
        self.node.engines.extend_lease(self.lease.deadline)
        await self.orders.stop_all()

    async def _lease_end(self) -> None:
        if not self.shares_its_store:
            await asyncio.Event().wait()
        await self.lease.ended()

    async def _beats(self, registered: Registered) -> None:
        """Returns when the control plane says that this incarnation is over."""
        while True:
            self._nudge.clear()
            try:
                accepted = await self._beat(registered)
            except Refusal as refusal:
                self.beats["refused"] += 1
                log.error("heartbeat_refused", extra={"fields": {"reason": str(refusal)}})
                if refusal.retires:
                    self._replaced = refusal.replaces
                    return
                accepted = False
            except Exception as error:
                # A fault of ours in one order must not take all sessions of this worker along.
                log.error("heartbeat_failed", exc_info=error)
                accepted = False
            self._beaten.set()
            pause = registered.heartbeat_interval * (1.0 if accepted else 0.5)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._nudge.wait()

    async def _beat(self, registered: Registered) -> bool:
        self.orders.find_missing()
        sent_at, beat = self.lease.moment(), self._heartbeat(registered)
        try:
            answer = await self.client.heartbeat(beat, registered.lease_seconds * _BEAT_PATIENCE)
        except Unreachable as error:
            self.beats["unreachable"] += 1
            self._reached = False
            log.warning("heartbeat_not_answered", extra={"fields": {"reason": str(error)}})
            await self._renew_at_the_store(registered)
            return False
        self.beats["accepted"] += 1
        if not self._reached:
            self.uplink.hurry()
        self._reached = True
        self._renewed(sent_at)
        self._obey(answer, frozenset((state.id, state.epoch) for state in beat.states or ()))
        return True

    def _heartbeat(self, registered: Registered) -> Heartbeat:
        return Heartbeat(
            incarnation=registered.incarnation,
            cpu=self._load.cpu(),
            memory=self._load.memory(),
            uptime=round(time.monotonic() - self._started_at, 1),
            version=VERSION,
            environment=self.settings.environment,
            capacity=self.settings.capacity,
            sessions=self.board.counts(),
            session_count=len(self.board.running),
            states=self.board.states(),
            probes=self.board.take_probes(),
            spooled=self.node.spool.waiting(Lane.NEWS),
            draining=self.draining,
        )

    def _obey(self, answer: HeartbeatAnswer, seen: Seen) -> None:
        if self.draining:
            return
        self.orders.apply(answer, seen)

    def _renewed(self, sent_at: float) -> None:
        self.lease.renewed(sent_at)
        self._extend()

    async def _renew_at_the_store(self, registered: Registered) -> None:
        sent_at = self.lease.moment()
        owned = await self._renewal.renew(registered.incarnation)
        if owned is None or self.lease.over:
            return
        self._renewed(sent_at)
        seen = frozenset((state.id, state.epoch) for state in self.board.states())
        lost = tuple(session for session, epoch in seen - owned)
        self._obey(HeartbeatAnswer(lease_until="", lost=lost), seen)
