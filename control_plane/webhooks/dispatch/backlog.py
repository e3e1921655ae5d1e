"""All that one endpoint is still to be told, by session, and how far in the log nothing is left before it."""

import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime

from control_plane.events.places import Place
from control_plane.webhooks.dispatch.lane import Lane
from control_plane.webhooks.dispatch.parcels import Letter, Parcel

_MOST_IN_MEMORY = 600


class Backlog:
    """`keep` writes down what has to wait."""

    def __init__(self, place: Place, keep: Callable[[Parcel], None]) -> None:
        self._keep = keep
        self._lanes: dict[uuid.UUID, Lane] = {}
        # Lanes in which something may be due, the longest looked at first.
        self._hot: dict[Lane, None] = {}
        # When something becomes due in those where nothing is.
        self._moments: dict[Lane, datetime] = {}
        self._to_load: dict[Lane, None] = {}
        # Read and without a row so far, in the order of the log: the place stands before the first of them.
        self._unsettled: deque[Parcel] = deque()
        self._settled: set[Parcel] = set()
        self.place = self.read_to = place

    @property
    def is_full(self) -> bool:
        return len(self._unsettled) >= _MOST_IN_MEMORY

    @property
    def has_room(self) -> bool:
        return len(self._unsettled) < _MOST_IN_MEMORY // 2

    @property
    def is_hot(self) -> bool:
        return bool(self._hot)

    @property
    def is_settled(self) -> bool:
        return not self._unsettled

    @property
    def is_empty(self) -> bool:
        return not self._lanes

    @property
    def moments(self) -> Collection[datetime]:
        return self._moments.values()

    def add(self, letter: Letter, now: datetime) -> None:
        parcel = Parcel.new(letter)
        lane = self._lane(parcel.lane)
        self._unsettled.append(parcel)
        lane.fresh.append(parcel)
        self._held_up(lane, now)

    def spoil_all(self, keys: Collection[uuid.UUID]) -> None:
        """The table holds something for these."""
        for key in keys:
            self._spoil(self._lane(key))

    def to_load(self, limit: int) -> list[uuid.UUID]:
        return [lane.key for lane in self._to_load if lane.flying is None][:limit]

    @property
    def must_load(self) -> bool:
        return any(lane.flying is None for lane in self._to_load)

    def loaded(self, found: Mapping[uuid.UUID, list[Parcel]], now: datetime) -> None:
        for key, rows in found.items():
            lane = self._lane(key)
            lane.read_again(rows, now)
            self._to_load.pop(lane, None)
            self._held_up(lane, now)

    def due(self, now: datetime, recovered_at: datetime | None) -> Iterator[tuple[Lane, Parcel]]:
        """What may be tried; whoever takes no more of them asks again later."""
        for lane in [lane for lane, moment in self._moments.items() if moment <= now]:
            if lane.hides_some:
                self._spoil(lane)
            self.heat(lane)
        while self._hot:
            lane = next(iter(self._hot))
            parcel = lane.next(now, recovered_at)
            del self._hot[lane]
            if parcel is None:
                self._cool(lane, now)
                continue
            lane.take(parcel)
            yield lane, parcel

    def oldest(self) -> tuple[Lane, Parcel] | None:
        """Of all that waits, due or not."""
        found = [(lane, parcel) for lane in self._lanes.values() if (parcel := lane.oldest()) is not None]
        if not found:
            return None
        lane, parcel = min(found, key=lambda each: each[1].place)
        self._hot.pop(lane, None)
        self._moments.pop(lane, None)
        lane.take(parcel)
        return lane, parcel

    def landed(self, lane: Lane, parcel: Parcel, *, is_new: bool, taken: bool, waits: bool) -> None:
        lane.landed(taken=taken)
        if waits:
            lane.keep(parcel)
        if is_new:
            self._settle(parcel)

    def goes_on(self, lane: Lane, now: datetime) -> None:
        """After what became of its last one is written down."""
        self._held_up(lane, now)

    def recovered(self) -> None:
        for lane in self._lanes.values():
            if lane.hides_some:
                self._spoil(lane)
            self.heat(lane)

    def heat(self, lane: Lane) -> None:
        self._hot.setdefault(lane)
        self._moments.pop(lane, None)

    def _held_up(self, lane: Lane, now: datetime) -> None:
        """What is new waits in the table behind what failed."""
        if lane.fresh and lane.is_blocked(now):
            first = next((parcel.passable_at() for parcel in lane.waiting if parcel.attempts > 0), None)
            while lane.fresh:
                parcel = lane.fresh.popleft()
                parcel.has_row, parcel.letter, parcel.due_at = True, None, first or now
                lane.keep(parcel)
                self._settle(parcel)
                self._keep(parcel)
        self.heat(lane)

    def _settle(self, parcel: Parcel) -> None:
        self._settled.add(parcel)
        while self._unsettled and self._unsettled[0] in self._settled:
            done = self._unsettled.popleft()
            self._settled.discard(done)
            self.place = done.place

    def _lane(self, key: uuid.UUID) -> Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
        return lane

    def _spoil(self, lane: Lane) -> None:
        lane.stale = True
        self._to_load.setdefault(lane)

    def _cool(self, lane: Lane, now: datetime) -> None:
        if lane.drained():
            self._spoil(lane)
        elif (moment := lane.next_moment(now)) is not None:
            self._moments[lane] = moment
        elif lane.is_empty:
            self._lanes.pop(lane.key, None)
