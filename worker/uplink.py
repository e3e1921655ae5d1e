"""Ships what the spool holds, in order and until it has arrived; codes go beside it, at once or never."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from shared.contracts.fleet import UplinkAnswer, UplinkBatch, UplinkEvent
from shared.contracts.told import Paired, PairingCodeShown, QrShown, ReceiptSeen, StateSeen, Told
from worker.control_client import ControlClient, Refusal, Unreachable
from worker.engines.session_spec import SessionSpec
from worker.pauses import Pauses
from worker.spool import Lane, Spool, SpooledEvent

log = logging.getLogger(__name__)

_MOST_EVENTS = 500
_MOST_BYTES = 500_000
# Receipts come in crowds, and nobody waits for them: after this moment many go in one batch.
_CROWD = 0.1
# Statuses that say: this will never be taken, however often it is sent.
_NEVER = frozenset({400, 413, 422})

PassingKey = tuple[str, type[Told]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Sent again it is the same, to the byte."""

    lane: Lane
    positions: tuple[int, ...]
    words: bytes


class Uplink:
    """`shipped` hears up to which position the control plane knows the news."""

    def __init__(self, spool: Spool, client: ControlClient, shipped: Callable[[int], None]) -> None:
        self._spool = spool
        self._client = client
        self._shipped = shipped
        self._held: dict[Lane, Batch] = {}
        self._most = dict.fromkeys(Lane, _MOST_EVENTS)
        self._passing: dict[PassingKey, UplinkEvent] = {}
        self._passing_news = asyncio.Event()
        self._progress = asyncio.Event()
        self._again = asyncio.Event()
        # Something came that is no receipt.
        self._pressing = asyncio.Event()
        self._pauses = Pauses()
        self.events_shipped = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ship())
            tasks.create_task(self._tell_passing())

    def heard(self, spec: SessionSpec, told: Told, _written: "asyncio.Future[int] | None") -> None:
        if not isinstance(told, ReceiptSeen):
            self._pressing.set()
        if isinstance(told, QrShown | PairingCodeShown):
            event = UplinkEvent(
                position=0, session_id=spec.session, epoch=spec.epoch, at=time.time(), told=told
            )
            self._passing[spec.session, type(told)] = event
            self._passing_news.set()
        elif isinstance(told, Paired | StateSeen):
            for kind in (QrShown, PairingCodeShown):
                self._passing.pop((spec.session, kind), None)

    def hurry(self) -> None:
        """The control plane is there again."""
        self._pauses.reset()
        self._again.set()

    async def flush(self) -> None:
        """Returns when nothing waits any more."""
        while self._spool.waiting():
            self._progress.clear()
            await self._progress.wait()

    async def _ship(self) -> None:
        while True:
            if self._client.registered is None:
                self._again.clear()
                await self._again.wait()
                self._again.clear()
            self._spool.news.clear()
            self._pressing.clear()
            batch = await self._next()
            if batch is None:
                await self._spool.news.wait()
                await self._a_crowd()
                continue
            try:
                await self._send(batch)
                if len(batch.positions) < self._most[batch.lane]:
                    await self._a_crowd()
            except (Unreachable, Refusal) as error:
                await self._not_sent(batch, error)
            except Exception as error:
                # Such as a disk that refuses: what was sent is sent again, which changes nothing.
                log.error("uplink_failed", exc_info=error)
                await self._pauses.wait()

    async def _a_crowd(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._pressing.wait(), _CROWD)

    async def _next(self) -> Batch | None:
        """News first, whatever else waits."""
        for lane in Lane:
            if lane in self._held:
                return self._held[lane]
            if events := await self._spool.read(limit=self._most[lane], lane=lane):
                self._held[lane] = self._batch(lane, _as_many_as_fit(events))
                return self._held[lane]
        return None

    def _batch(self, lane: Lane, events: list[SpooledEvent]) -> Batch:
        told = tuple(
            UplinkEvent(
                position=event.position,
                session_id=event.session,
                epoch=event.epoch,
                at=event.at,
                told=event.told,
            )
            for event in events
        )
        words = msgspec.json.encode(UplinkBatch(spool=spool_name(self._spool.id, lane), events=told))
        return Batch(lane, tuple(event.position for event in events), words)

    async def _send(self, batch: Batch) -> None:
        first, last = batch.positions[0], batch.positions[-1]
        stored = min((await self._answer(batch.words)).position, last)
        if stored < first:
            raise Unreachable("it took nothing of a batch")
        self.events_shipped += sum(position <= stored for position in batch.positions)
        await self._spool.trim(stored, batch.lane)
        del self._held[batch.lane]
        if batch.lane is Lane.NEWS:
            self._shipped(stored)
        self._most[batch.lane] = min(self._most[batch.lane] * 2, _MOST_EVENTS)
        self._pauses.reset()
        self._progress.set()

    async def _answer(self, words: bytes) -> UplinkAnswer:
        try:
            return msgspec.json.decode(await self._client.events(words), type=UplinkAnswer)
        except msgspec.MsgspecError:
            raise Unreachable("it answered in words that nobody understands") from None

    async def _not_sent(self, batch: Batch, error: Unreachable | Refusal) -> None:
        if isinstance(error, Refusal) and error.status in _NEVER:
            await self._narrow_down(batch, error)
            return
        fields = {"reason": str(error), "waiting": self._spool.waiting()}
        log.warning("events_not_shipped", extra={"fields": fields})
        await self._pauses.wait(self._again)

    async def _narrow_down(self, batch: Batch, refusal: Refusal) -> None:
        """One event that cannot be taken must not hold up all others for ever."""
        del self._held[batch.lane]
        if len(batch.positions) > 1:
            self._most[batch.lane] = max(1, len(batch.positions) // 2)
            return
        fields = {"position": batch.positions[0], "reason": str(refusal)}
        log.error("event_refused: it is kept in the table `refused` of the spool", extra={"fields": fields})
        await self._spool.set_aside(batch.positions[0], batch.lane)
        self._progress.set()
        await self._pauses.wait()

    async def _tell_passing(self) -> None:
        pauses = Pauses(longest=2.0)
        while True:
            await self._passing_news.wait()
            self._passing_news.clear()
            events = dict(self._passing)
            if not events:
                continue
            batch = UplinkBatch(spool=spool_name(self._spool.id, Lane.NEWS), events=tuple(events.values()))
            try:
                await self._client.events(msgspec.json.encode(batch))
                pauses.reset()
                self._forget(events)
            except (Unreachable, Refusal) as error:
                log.warning("codes_not_shipped", extra={"fields": {"reason": str(error)}})
                self._forget({key: event for key, event in events.items() if _too_late(event)})
                self._passing_news.set()
                await pauses.wait()

    def _forget(self, events: dict[PassingKey, UplinkEvent]) -> None:
        """Unless a newer one has taken its place."""
        for key, event in events.items():
            if self._passing.get(key) is event:
                del self._passing[key]


def _too_late(event: UplinkEvent) -> bool:
    good_for = event.told.seconds if isinstance(event.told, QrShown | PairingCodeShown) else 0
    return time.time() >= event.at + good_for


def spool_name(spool: str, lane: Lane) -> str:
    """Each lane is a spool of its own to the control plane: within one, positions only ever rise."""
    return spool if lane is Lane.NEWS else f"{spool}-{lane.name.lower()}"


def _as_many_as_fit(events: list[SpooledEvent]) -> list[SpooledEvent]:
    size = 0
    for count, event in enumerate(events):
        size += event.size
        if size > _MOST_BYTES and count:
            return events[:count]
    return events
