"""What one endpoint is to be told of one session: in the order of the log, one at a time."""

import uuid
from collections import deque
from datetime import datetime, timedelta

from control_plane.webhooks.dispatch.parcels import Parcel

# So many that wait are held in memory; the rest stays in the table until they are gone.
WINDOW = 100
# And so many of the oldest, whether something is to be done about them or not.
SHOWN = 20
_LOOKED_AGAIN = timedelta(minutes=1)
# The oldest one that waits is tried before a later one, unless it was just tried.
_JUST = timedelta(seconds=4)


class Lane:
    def __init__(self, key: uuid.UUID) -> None:
        self.key = key
        # Those with a row, from the oldest on; and those after them, which were only read.
        self.waiting: list[Parcel] = []
        self.fresh: deque[Parcel] = deque()
        self.flying: Parcel | None = None
        # Rows that are not in memory come before what is fresh.
        self.more = False
        # What is in memory is to be read again from the table.
        self.stale = False
        self.looked_at: datetime | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.waiting or self.fresh or self.flying or self.more or self.stale)

    @property
    def hides_some(self) -> bool:
        """Whether not all that wait may be in memory; one of the others may be due earlier."""
        return self.more or len(self.waiting) >= SHOWN

    def oldest(self) -> Parcel | None:
        """Whether it is due or not: what a probe tries."""
        if self.flying is not None or self.stale:
            return None
        if self.waiting:
            return self.waiting[0]
        return self.fresh[0] if self.fresh and not self.more else None

    def next(self, now: datetime, recovered_at: datetime | None) -> Parcel | None:
        if self.flying is not None or self.stale:
            return None
        found = self._first_due(now, recovered_at)
        if found is None:
            return None
        for parcel in self.waiting:
            if parcel is found:
                break
            if not parcel.overtaken:
                # After an outage everything comes in order; while it lasts, each of them fails anyway.
                tried_at = parcel.last_attempt_at
                if tried_at is None or now - tried_at > _JUST:
                    return parcel
                break
        return found

    def _first_due(self, now: datetime, recovered_at: datetime | None) -> Parcel | None:
        for parcel in self.waiting:
            if parcel.is_due(now, recovered_at):
                return parcel
            passable_at = parcel.passable_at()
            if passable_at is None or now < passable_at:
                return None
        return self.fresh[0] if self.fresh and not self.more else None

    def is_blocked(self, now: datetime) -> bool:
        """Whether what is new has to wait for what failed, and so is better kept in the table."""
        if self.more or self.stale:
            return True
        return any((at := parcel.passable_at()) is None or now < at for parcel in self.waiting)

    def next_moment(self, now: datetime) -> datetime | None:
        """When something here becomes due, if nothing happens before."""
        moments = [
            moment
            for parcel in self.waiting
            for moment in (parcel.due_at, parcel.passable_at())
            if moment is not None
        ]
        if self.looked_at is not None and self.hides_some:
            moments.append(self.looked_at + _LOOKED_AGAIN)
        return min((moment for moment in moments if moment > now), default=None)

    def take(self, parcel: Parcel) -> None:
        self.flying = parcel
        if parcel.has_row:
            self.waiting.remove(parcel)
        else:
            self.fresh.remove(parcel)

    def landed(self, *, taken: bool) -> None:
        parcel, self.flying = self.flying, None
        if taken and parcel is not None:
            for earlier in self.waiting:
                if earlier.place < parcel.place:
                    earlier.overtaken = True

    def keep(self, parcel: Parcel) -> None:
        """It has a row by now, or will have one in a moment."""
        if len(self.waiting) >= WINDOW and parcel.place > self.waiting[-1].place:
            self.more = True
            return
        self.waiting.append(parcel)
        self.waiting.sort(key=lambda each: (each.place, each.id))

    def read_again(self, rows: list[Parcel], now: datetime) -> None:
        """What the table holds of it."""
        overtaken = {parcel.id for parcel in self.waiting if parcel.overtaken}
        for parcel in rows:
            parcel.overtaken = parcel.id in overtaken
        self.waiting = rows
        self.more = len(rows) >= WINDOW
        self.stale, self.looked_at = False, now

    def drained(self) -> bool:
        """Whether the table is to be asked for more."""
        return self.more and not self.waiting and self.flying is None
