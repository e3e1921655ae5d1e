"""Delivers to one endpoint, for as long as this process holds it.

What is new goes straight from the log to the receiver, and its row tells afterwards what became of it. Only
what has to wait gets a row before it is tried.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import structlog

from control_plane.db.engine import SystemSite
from control_plane.events.places import Place
from control_plane.webhooks.dispatch import notes
from control_plane.webhooks.dispatch.backlog import Backlog
from control_plane.webhooks.dispatch.crew import Crew
from control_plane.webhooks.dispatch.endpoints import Endpoint
from control_plane.webhooks.dispatch.lane import Lane
from control_plane.webhooks.dispatch.parcels import Letter, Parcel, ping_letter
from control_plane.webhooks.dispatch.repository import NEVER, DispatchReads
from control_plane.webhooks.dispatch.results import Outcome, Result, settle
from control_plane.webhooks.dispatch.standing import Standing, Verdict
from control_plane.webhooks.dispatch.writes import DispatchWrites
from control_plane.webhooks.pings import PING

log = structlog.get_logger(__name__)

_LETTERS_AT_ONCE = 200
_LANES_AT_ONCE = 50
_PAUSE_SECONDS = 0.3


class Courier:
    def __init__(self, crew: Crew, endpoint: Endpoint) -> None:
        self._crew = crew
        self.endpoint = endpoint
        self._standing = Standing(endpoint)
        self._backlog = Backlog(endpoint.place, self._keep)
        # Whether there may be more in the log than was read, and whether the table was asked what waits.
        self._behind, self._counted = True, False
        # Until the end of what the holder before could have told: some of it may have rows.
        self._catching_up = True
        self._looking = False
        self._flights: set[asyncio.Task[None]] = set()
        self._idle_since: float | None = None
        self._over = self._stopping = False
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Until there is nothing to do for a while, the claim is lost, or the process stops."""
        while not self._over:
            self._wake.clear()
            try:
                if self._must_look():
                    await self._look()
                self.pump()
                if self._must_look():
                    continue
                if self._may_rest():
                    await self._rest()
                    continue
            except Exception as error:
                log.warning("webhook_not_read", webhook=str(self.endpoint.id), error=type(error).__name__)
                self._behind, self._counted = True, False
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience()):
                    await self._wake.wait()

    def wake(self) -> None:
        self._wake.set()

    def refresh(self, endpoint: Endpoint, *, told: bool) -> None:
        """`told`: somebody wrote to its row because there is something to do."""
        self.endpoint = endpoint
        if told:
            self._standing.failing_since = endpoint.failing_since
            self._counted = False
        self.wake()

    def lost(self) -> None:
        """Another process holds it: nothing is to be sent or written any more."""
        self._over = True
        for flight in self._flights:
            flight.cancel()
        self.wake()

    def offer(self, letters: Sequence[Letter], begin: Place, end: Place) -> None:
        """What the log holds of its account between two places."""
        if self._looking or self._behind or self._backlog.read_to < begin or self._backlog.is_full:
            self._behind = True
            self.wake()
        else:
            self._read(letters, end)
            if letters:
                self.pump()
                self.wake()

    @property
    def is_stopped(self) -> bool:
        """Because its process ends; it is still to be given back."""
        return self._stopping

    def halt(self) -> None:
        """Nothing is begun any more."""
        self._stopping = True

    async def landing(self, seconds: float) -> None:
        """What is in flight has a moment to end; then another process may go on."""
        if self._flights:
            await asyncio.wait(self._flights, timeout=seconds)
        for flight in self._flights:
            flight.cancel()
        self._over = True
        self.wake()

    async def let_go(self) -> None:
        async with self._crew.database.system(SystemSite.WEBHOOKS) as db:
            await DispatchWrites(db).let_go(self.endpoint, self._crew.now())

    def _must_look(self) -> bool:
        if not self.endpoint.enabled or self._stopping:
            return False
        return not self._counted or self._backlog.must_load or (self._behind and self._backlog.has_room)

    async def _look(self) -> None:
        now, lanes = self._crew.now(), self._backlog.to_load(_LANES_AT_ONCE)
        if lanes or not self._counted:
            # The table is asked, so all that is known of it must stand there.
            await self._crew.ledger.flush()
        self._looking = True
        try:
            async with self._crew.database.system(SystemSite.WEBHOOKS) as db:
                reads = DispatchReads(db)
                if not self._counted:
                    self._counted = True
                    self._backlog.spoil_all(await reads.lanes(self.endpoint.id))
                elif lanes:
                    recovered_at = self._standing.recovered_at
                    self._backlog.loaded(await reads.waiting(self.endpoint, lanes, now, recovered_at), now)
                if self._backlog.has_room:
                    await self._read_on(reads)
        finally:
            self._looking = False

    async def _read_on(self, reads: DispatchReads) -> None:
        self._behind = False
        news = await reads.letters_after(self.endpoint, self._backlog.read_to, _LETTERS_AT_ONCE)
        letters, self._behind = news.letters, self._behind or news.more
        if self._catching_up:
            known = await reads.known(self.endpoint.id, [each.event_id for each in letters])
            letters = [each for each in letters if each.event_id not in known]
            self._catching_up = news.more
        self._read(letters, news.end)

    def _read(self, letters: Sequence[Letter], end: Place) -> None:
        now = self._crew.now()
        for letter in letters:
            if letter.place > self._backlog.read_to and self.endpoint.wants(letter):
                self._backlog.add(letter, now)
        self._backlog.read_to = max(self._backlog.read_to, end)

    def pump(self) -> None:
        """Begins what is due, as far as there is room for it."""
        now, host = self._crew.now(), self.endpoint.host
        if self._crew.breakers.is_open(host):
            # One for all, the oldest, due or not: when the host is back everything goes on at once.
            may = self._has_room() and self._crew.breakers.may_probe(host, now)
            if may and (oldest := self._backlog.oldest()) is not None:
                self._crew.breakers.probing(host, oldest[1])
                self._begin(*oldest)
            return
        if not self._has_room():
            return
        for lane, parcel in self._backlog.due(now, self._standing.recovered_at):
            self._begin(lane, parcel)
            if not self._has_room():
                return

    def _has_room(self) -> bool:
        if self._over or self._stopping or not self.endpoint.enabled or self._crew.ledger.full:
            return False
        if self._standing.is_paused(self._crew.now()) or len(self._flights) >= self._standing.width:
            return False
        if not self._crew.slots.is_free:
            self._crew.slots.when_free(self.wake)
            return False
        return True

    def _begin(self, lane: Lane, parcel: Parcel) -> None:
        self._crew.slots.take()
        flight = asyncio.create_task(self._fly(lane, parcel))
        self._flights.add(flight)
        flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._crew.slots.give_back()
        if not flight.cancelled() and (error := flight.exception()) is not None:
            log.error("webhook_attempt_broken", webhook=str(self.endpoint.id), exc_info=error)
            self.lost()
        if not self._over:
            self.pump()
        self.wake()

    async def _fly(self, lane: Lane, parcel: Parcel) -> None:
        try:
            letter = await self._letter(parcel)
            if letter is None:
                words = "The event is not kept any more, so there is nothing to send."
                result = Result(outcome=Outcome.IMPOSSIBLE, at=self._crew.now(), seconds=0, error=words)
            else:
                result = await self._crew.post.attempt(self.endpoint, letter)
                self._crew.figures.attempted(result, letter.created_at, first=parcel.attempts == 0)
        except BaseException:
            self._crew.breakers.gave_up(self.endpoint.host, parcel)
            raise
        if not self._over:
            self._ended(lane, parcel, result, sent=letter is not None)

    async def _letter(self, parcel: Parcel) -> Letter | None:
        if parcel.type == PING:
            at = parcel.created_at or self._crew.now()
            return ping_letter(self.endpoint.id, self.endpoint.user_id, parcel.event_id, at)
        letter, parcel.letter = parcel.letter, None
        if letter is not None and letter.is_fresh:
            return letter
        return await self._crew.letters.letter(parcel.event_id)

    def _ended(self, lane: Lane, parcel: Parcel, result: Result, *, sent: bool) -> None:
        early = parcel.attempts > 0 and parcel.due_at is not None and result.at < parcel.due_at
        failed_before, is_new = parcel.attempts > 0, not parcel.has_row
        status = settle(parcel, result)
        verdict = Verdict()
        if not sent:
            self._crew.breakers.gave_up(self.endpoint.host, parcel)
        else:
            verdict = self._standing.judge(result, early=early, failed_before=failed_before)
            self._tell_host(parcel, result)
        parcel.has_row = True
        self._backlog.landed(lane, parcel, is_new=is_new, taken=result.taken, waits=status == "pending")
        note = notes.attempted(self, self._backlog.place, parcel, result, status, is_new=is_new, sent=sent)
        note.recovered_at = result.at if verdict.recovered else None
        note.disabled = verdict.disabled
        if verdict.disabled is not None:
            # The event of it is not for itself, and so nothing is begun before it is written either.
            self.endpoint = replace(self.endpoint, enabled=False)
        self._crew.ledger.put(note)
        self._backlog.goes_on(lane, self._crew.now())
        if verdict.recovered:
            self._backlog.recovered()

    def _tell_host(self, parcel: Parcel, result: Result) -> None:
        if result.of_connection:
            self._crew.breakers.failed(self.endpoint.host, parcel, self._crew.now())
        elif self._crew.breakers.succeeded(self.endpoint.host):
            self._crew.closed(self.endpoint.host)

    def _keep(self, parcel: Parcel) -> None:
        self._crew.ledger.put(notes.kept(self, self._backlog.place, parcel))

    def _patience(self) -> float:
        now = self._crew.now()
        waits = (self._standing.paused_until, self._crew.breakers.probe_at(self.endpoint.host))
        moments = [*self._backlog.moments, *(moment for moment in waits if moment is not None)]
        soonest = min((moment for moment in moments if moment > now), default=NEVER)
        return min(max((soonest - now).total_seconds(), 0.01), self._crew.look_seconds)

    def _may_rest(self) -> bool:
        """With nothing to do for a while, or with what is not to be done."""
        if self._over or self._stopping or self._flights:
            return False
        if not self.endpoint.enabled:
            return True
        clock = asyncio.get_running_loop().time()
        soon = self._crew.now() + timedelta(seconds=self._crew.linger_seconds)
        probes = self._crew.breakers.is_open(self.endpoint.host) and not self._backlog.is_empty
        busy = self._must_look() or self._backlog.is_hot or not self._backlog.is_settled or probes
        if busy or any(moment <= soon for moment in self._backlog.moments):
            self._idle_since = None
            return False
        self._idle_since = self._idle_since or clock
        return clock - self._idle_since >= self._crew.linger_seconds

    async def _rest(self) -> None:
        # From here on nothing new is begun: what is offered now is read again, by whoever holds it then.
        self._looking = True
        try:
            await self._crew.ledger.flush()
            if self._crew.ledger.full:
                await asyncio.sleep(_PAUSE_SECONDS)
            elif self.endpoint.enabled:
                due = min(self._backlog.moments, default=NEVER)
                async with self._crew.database.system(SystemSite.WEBHOOKS) as db:
                    self._over = await DispatchWrites(db).rest(self.endpoint, self._backlog.read_to, due)
            else:
                self._over = True
                await self.let_go()
        finally:
            self._looking = False
        if not self._over:
            self._behind, self._idle_since = True, None
