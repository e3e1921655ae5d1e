"""What each session of this worker was last seen as, until the control plane knows of its end."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shared.contracts.fleet import SeenProbe, SeenState, SessionCounts
from shared.contracts.told import Fenced, Paired, Probed, QrShown, StateSeen, Then, Told
from shared.session_state import COUNTED_AS, Reason, SessionState


@dataclass(slots=True)
class Entry:
    """`position` is that of its last state in the spool, None before it is written there."""

    epoch: int
    state: SessionState
    reason: Reason | None
    ended: bool = False
    position: int | None = None


class Board:
    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._probes: dict[tuple[str, int], SeenProbe] = {}
        self._news = asyncio.Event()

    def take_up(self, session: str, epoch: int, state: SessionState, reason: Reason) -> None:
        """From the moment that it is ordered: it is no longer missing then."""
        self._entries[session] = Entry(epoch, state, reason)

    def heard(self, session: str, epoch: int, told: Told, written: "asyncio.Future[int] | None") -> None:
        """Of a session that was taken up; what an earlier epoch tells is no news."""
        if isinstance(told, Probed):
            self._probed(session, epoch, told)
            return
        entry = self._entries.get(session)
        seen = _seen(told)
        if entry is None or entry.epoch != epoch or seen is None:
            return
        if not isinstance(told, Fenced):
            entry.state, entry.reason = seen
        entry.ended = isinstance(told, Fenced) or (
            isinstance(told, StateSeen) and told.meaning.then is not Then.GO_ON
        )
        entry.position = None
        if written is not None:
            written.add_done_callback(lambda done: self._written(session, entry, done))
        self._changed()

    def show(self, session: str, state: SessionState, reason: Reason) -> None:
        """What nobody has told, and what is not kept."""
        if entry := self._entries.get(session):
            entry.state, entry.reason = state, reason

    def shipped(self, position: int) -> None:
        """The control plane knows all up to here: ended sessions need not be told any more."""
        for session, entry in list(self._entries.items()):
            if entry.ended and entry.position is not None and entry.position <= position:
                self.drop(session)

    async def until(self, holds: Callable[[], bool], within: float) -> bool:
        """Looks again at each change. False when it took too long."""
        try:
            async with asyncio.timeout(within):
                while not holds():
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def drop(self, session: str) -> None:
        self._entries.pop(session, None)
        self._changed()

    def clear(self) -> None:
        self._entries.clear()
        self._changed()

    def entry(self, session: str) -> Entry | None:
        return self._entries.get(session)

    def runs(self, session: str, epoch: int) -> bool:
        entry = self._entries.get(session)
        return entry is not None and entry.epoch == epoch and not entry.ended

    @property
    def running(self) -> tuple[str, ...]:
        return tuple(session for session, entry in self._entries.items() if not entry.ended)

    def states(self) -> tuple[SeenState, ...]:
        return tuple(
            SeenState(id=session, epoch=entry.epoch, status=entry.state, reason=entry.reason)
            for session, entry in self._entries.items()
        )

    def take_probes(self) -> tuple[SeenProbe, ...]:
        """Since the last time. What a lost heartbeat carried is lost: the next probe is near."""
        taken = tuple(self._probes.values())
        self._probes.clear()
        return taken

    def counts(self) -> SessionCounts:
        return SessionCounts.of([COUNTED_AS[entry.state] for entry in self._entries.values()])

    def by_state(self) -> Iterable[tuple[SessionState, int]]:
        states = [entry.state for entry in self._entries.values()]
        return [(state, states.count(state)) for state in SessionState]

    def _changed(self) -> None:
        """A new one for the next change: each of those who wait has heard of this one."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _probed(self, session: str, epoch: int, told: Probed) -> None:
        before = self._probes.get((session, epoch), SeenProbe(id=session, epoch=epoch, probes=0))
        self._probes[session, epoch] = SeenProbe(
            id=session,
            epoch=epoch,
            probes=before.probes + 1,
            unanswered=before.unanswered + (not told.answered),
            milliseconds=told.milliseconds,
        )

    def _written(self, session: str, entry: Entry, done: "asyncio.Future[int]") -> None:
        if not done.cancelled() and self._entries.get(session) is entry:
            entry.position = max(entry.position or 0, done.result())


def _seen(told: Told) -> tuple[SessionState, Reason] | None:
    if isinstance(told, StateSeen):
        return told.meaning.state, told.meaning.reason
    if isinstance(told, QrShown):
        return SessionState.QR_PENDING, Reason.WAITING_FOR_SCAN
    if isinstance(told, Paired):
        return SessionState.INITIALIZING, Reason.PAIRED
    if isinstance(told, Fenced):
        return SessionState.DISCONNECTED, Reason.REPLACED
    return None
